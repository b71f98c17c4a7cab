// Attention (opsets 23 to 25): y = softmax(cap(scale q k^T) + bias) v for each head, with caches of
// keys and values, masks, causal and sliding windows. A query that may attend to no key gives 0.
#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

enum Input { kQuery, kKey, kValue, kMask, kPastKey, kPastValue, kLengths };

struct Sizes {
  std::int64_t batch, heads, queries, size;
  std::int64_t kv_heads, keys, past, value_size;  // keys: without those of the past
  bool split;                                     // [batch, heads, sequence, size]
  std::int64_t total() const { return past + keys; }
};

Sizes sizes_of(const Attrs& attrs, const Shape& q, const Shape& k, const Shape& v,
               std::int64_t past) {
  if (q.rank() == 4) {
    return {q[0], q[1], q[2], q[3], k[1], k[2], past, v[3], true};
  }
  const std::int64_t heads = attrs.get_int("q_num_heads", 1);
  const std::int64_t kv_heads = attrs.get_int("kv_num_heads", 1);
  return {q[0], heads, q[1], q[2] / heads, kv_heads, k[1], past, v[2] / kv_heads, false};
}

void check_heads(InferContext& c) {
  const Shape q = c.shape(kQuery), k = c.shape(kKey), v = c.shape(kValue);
  c.check((q.rank() == 3 || q.rank() == 4) && k.rank() == q.rank() && v.rank() == q.rank(),
          "Q, K and V have the shapes ", q, ", ", k, " and ", v,
          ", expected all of rank 3 or all of rank 4");
  if (q.rank() == 3) {
    const std::int64_t heads = c.attrs().get_int("q_num_heads", 0);
    const std::int64_t kv_heads = c.attrs().get_int("kv_num_heads", 0);
    c.check(heads > 0 && kv_heads > 0 && q[2] % heads == 0 && k[2] % kv_heads == 0 &&
                v[2] % kv_heads == 0,
            "q_num_heads is ", heads, " and kv_num_heads ", kv_heads,
            ", expected divisors of the features of Q ", q, ", K ", k, " and V ", v);
  }
}

void check_attributes(InferContext& c) {
  Attrs& attrs = c.attrs();
  for (const char* name : {"left_window_size", "right_window_size"}) {
    const std::int64_t size = attrs.get_int(name, -1);
    c.check(size >= -1, name, " is ", size, ", expected -1 or more");
    attrs.set(name, size);
  }
  const std::int64_t mode = attrs.get_int("qk_matmul_output_mode", 0);
  c.check(mode >= 0 && mode <= 3, "qk_matmul_output_mode is ", mode, ", expected 0 to 3");
  const double softcap = attrs.get_double("softcap", 0);
  c.check(softcap >= 0, "softcap is ", softcap, ", expected 0 or more");
}

void check_cache(InferContext& c, const Sizes& s) {
  c.check(c.has_input(kPastKey) == c.has_input(kPastValue),
          "past_key and past_value go together, but only one is there");
  if (c.has_input(kPastKey)) {
    const Shape key{s.batch, s.kv_heads, s.past, s.size};
    const Shape value{s.batch, s.kv_heads, s.past, s.value_size};
    c.check(c.shape(kPastKey) == key && c.shape(kPastValue) == value,
            "past_key and past_value have the shapes ", c.shape(kPastKey), " and ",
            c.shape(kPastValue), ", expected ", key, " and ", value);
    c.require_same_dtype({kKey, kPastKey});
    c.require_same_dtype({kValue, kPastValue});
  }
  if (c.has_input(kLengths)) {
    c.check(!c.has_input(kPastKey), "nonpad_kv_seqlen does not go with past_key");
    c.check(c.dtype(kLengths) == DType::kInt64 && c.shape(kLengths) == Shape{s.batch},
            "nonpad_kv_seqlen is ", c.dtype(kLengths), " ", c.shape(kLengths), ", expected i64 ",
            Shape{s.batch});
  }
}

void infer_attention(InferContext& c) {
  require_float(c, kQuery);
  require_float(c, kValue);
  c.require_same_dtype({kQuery, kKey});
  check_heads(c);
  check_attributes(c);
  const Shape q = c.shape(kQuery), k = c.shape(kKey), v = c.shape(kValue);
  const bool cached = c.has_input(kPastKey) && c.rank(kPastKey) == 4;
  const Sizes s = sizes_of(c.attrs(), q, k, v, cached ? c.shape(kPastKey)[2] : 0);
  const Shape key = s.split ? Shape{s.batch, s.kv_heads, s.keys, s.size}
                            : Shape{s.batch, s.keys, s.kv_heads * s.size};
  const Shape value = s.split ? Shape{s.batch, s.kv_heads, s.keys, s.value_size}
                              : Shape{s.batch, s.keys, s.kv_heads * s.value_size};
  c.check(k == key && v == value && s.kv_heads > 0 && s.heads % s.kv_heads == 0, "Q ", q, ", K ", k,
          " and V ", v, " do not fit: one batch, one sequence of keys and values, one size of ",
          "heads, and a number of heads that those of K divide are expected");
  check_cache(c, s);
  if (c.has_input(kMask)) {
    const Shape mask = c.shape(kMask);
    Shape scores{s.batch, s.heads, s.queries,
                 mask.rank() > 0
                     ? std::min(std::max<std::int64_t>(mask[mask.rank() - 1], 1), s.total())
                     : s.total()};
    if (mask.rank() > 0 && mask[mask.rank() - 1] == 1) {
      scores[3] = s.total();
    }
    c.check(mask.rank() >= 1 && mask.rank() <= 4 && broadcast(mask, scores) == scores,
            "attn_mask has the shape ", mask, ", expected one that broadcasts to ",
            Shape{s.batch, s.heads, s.queries, s.total()});
  }
  c.set_output(0, c.dtype(kQuery),
               s.split ? Shape{s.batch, s.heads, s.queries, s.value_size}
                       : Shape{s.batch, s.queries, s.heads * s.value_size});
  c.set_output(1, c.dtype(kKey), {s.batch, s.kv_heads, s.total(), s.size});
  c.set_output(2, c.dtype(kValue), {s.batch, s.kv_heads, s.total(), s.value_size});
  c.set_output(3, c.dtype(kQuery), {s.batch, s.heads, s.queries, s.total()});
}

// What one node is made of.
class Expansion {
 public:
  Expansion(Builder& builder, const Node& node, const std::vector<ValueId>& inputs)
      : b_(builder), attrs_(node.attrs), inputs_(inputs) {
    const std::int64_t past = has(kPastKey) ? b_.shape(inputs[kPastKey])[2] : 0;
    s_ = sizes_of(attrs_, b_.shape(inputs[kQuery]), b_.shape(inputs[kKey]),
                  b_.shape(inputs[kValue]), past);
    type_ = b_.dtype(inputs[kQuery]);
    const bool in_double = attrs_.get_int("softmax_precision", 1) == 11;
    const bool shows = node.outputs.size() > 3 && node.outputs[3].valid();
    fuses_ =
        !shows && attrs_.get_double("softcap", 0) == 0 && (!in_double || type_ == DType::kFloat64);
    wide_ = in_double || type_ == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32;
  }

  std::vector<ValueId> run() {
    const ValueId key = cached(kKey, kPastKey);
    const ValueId value = cached(kValue, kPastValue);
    if (fuses_) {
      return {fused(key, value), key, value, {}};
    }
    const ValueId raw = scores(key);
    ValueId logits = b_.cast(raw, wide_);
    const ValueId capped = logits = cap(logits);
    const ValueId bias = make_bias();
    ValueId nothing;  // whether a query attends to no key
    if (bias.valid()) {
      nothing = rows_without_keys(bias);
      // Those rows go through softmax without a bias, so that neither they nor their gradient are
      // NaN, and are cleared behind it.
      const ValueId zero = b_.scalar(wide_, 0);
      logits = b_.add(logits, b_.op("Where", {nothing, zero, bias}));
    }
    ValueId shares = b_.op("Softmax", {logits}, {{"axis", std::int64_t{-1}}});
    if (nothing.valid()) {
      shares = b_.op("Where", {nothing, b_.scalar(wide_, 0), shares});
    }
    ValueId shown = raw;
    switch (attrs_.get_int("qk_matmul_output_mode", 0)) {
      case 1:
        shown = capped;
        break;
      case 2:
        shown = bias.valid() ? b_.add(capped, bias) : capped;
        break;
      case 3:
        shown = shares;
        break;
      default:
        break;
    }
    return {attended(b_.cast(shares, type_), value), key, value,
            b_.op("Identity", {b_.cast(shown, type_)})};
  }

 private:
  bool has(int i) const {
    const auto at = static_cast<std::size_t>(i);
    return at < inputs_.size() && inputs_[at].valid();
  }

  // [batch, heads, sequence, size]
  ValueId split(ValueId x, std::int64_t heads) {
    const Shape shape = b_.shape(x);
    return shape.rank() == 4
               ? x
               : b_.transpose(b_.reshape(x, {shape[0], shape[1], heads, shape[2] / heads}),
                              {0, 2, 1, 3});
  }

  ValueId cached(int now, int past) {
    const ValueId fresh = split(inputs_[static_cast<std::size_t>(now)], s_.kv_heads);
    return has(past) ? b_.op("Concat", {inputs_[static_cast<std::size_t>(past)], fresh},
                             {{"axis", std::int64_t{2}}})
                     : b_.op("Identity", {fresh});
  }

  // Nobody looks at the scores: they are never kept. The plain causal rule is the node's own.
  ValueId fused(ValueId key, ValueId value) {
    node_is_causal_ = attrs_.get_int("is_causal", 0) != 0 && s_.past == 0 && !has(kLengths);
    const ValueId bias = make_bias();
    std::vector<ValueId> inputs = {split(inputs_[kQuery], s_.heads), of_each_head(key),
                                   of_each_head(b_.cast(value, type_))};
    if (bias.valid()) {
      inputs.push_back(bias);
    }
    const double fallback = 1 / std::sqrt(static_cast<double>(s_.size));
    return joined(b_.op("FusedAttention", std::move(inputs),
                        {{"scale", attrs_.get_double("scale", fallback)},
                         {"causal", std::int64_t{node_is_causal_ ? 1 : 0}},
                         {"k_transposed", std::int64_t{0}},
                         {"zero_rows", std::int64_t{1}}}));
  }
  // Keys or values that several heads share, once for each of them.
  ValueId of_each_head(ValueId x) {
    if (s_.heads == s_.kv_heads) {
      return x;
    }
    const Shape shape = b_.shape(x);
    const std::int64_t group = s_.heads / s_.kv_heads;
    const ValueId apart = b_.reshape(x, {shape[0], shape[1], 1, shape[2], shape[3]});
    return b_.reshape(b_.expand(apart, {shape[0], shape[1], group, shape[2], shape[3]}),
                      {shape[0], s_.heads, shape[2], shape[3]});
  }

  // scale q k^T as [batch, heads, queries, keys]. Heads that share a key lie next to each other, so
  // they are further rows of one product.
  ValueId scores(ValueId key) {
    const double fallback = 1 / std::sqrt(static_cast<double>(s_.size));
    const ValueId q =
        b_.scale(split(inputs_[kQuery], s_.heads), attrs_.get_double("scale", fallback));
    const ValueId rows =
        b_.reshape(q, {s_.batch, s_.kv_heads, s_.heads / s_.kv_heads * s_.queries, s_.size});
    const ValueId product = b_.op("MatMul", {rows, b_.transpose(key, {0, 1, 3, 2})});
    return b_.reshape(product, {s_.batch, s_.heads, s_.queries, s_.total()});
  }

  ValueId cap(ValueId logits) {
    const double softcap = attrs_.get_double("softcap", 0);
    return softcap == 0 ? logits
                        : b_.scale(b_.op("Tanh", {b_.scale(logits, 1 / softcap)}), softcap);
  }

  ValueId counting(std::int64_t count, Shape shape) {
    const auto number = [&](std::int64_t n) {
      return b_.scalar(DType::kInt64, static_cast<double>(n));
    };
    // Computed in the step where it is long, rather than a constant.
    return b_.reshape(b_.op("Range", {number(0), number(count), number(1)}), std::move(shape));
  }

  void allow(ValueId& allowed, ValueId condition) {
    allowed = allowed.valid() ? b_.op("And", {allowed, condition}) : condition;
  }

  // Where a query may attend to a key by the causal and windowed rules and by the keys' number.
  // Queries stand at offset + i.
  ValueId allowed_by_position() {
    ValueId allowed;
    const std::int64_t left = attrs_.get_int("left_window_size", -1);
    const std::int64_t right = attrs_.get_int("right_window_size", -1);
    const bool causal = attrs_.get_int("is_causal", 0) != 0 && !node_is_causal_;
    const auto number = [&](std::int64_t n) {
      return b_.scalar(DType::kInt64, static_cast<double>(n));
    };
    const ValueId keys = counting(s_.total(), {1, 1, 1, s_.total()});
    const ValueId lengths =
        has(kLengths) ? b_.reshape(inputs_[kLengths], {s_.batch, 1, 1, 1}) : ValueId{};
    if (causal || left >= 0 || right >= 0) {
      const ValueId offset =
          lengths.valid() ? b_.sub(lengths, number(s_.queries)) : number(s_.past);
      const ValueId places = b_.add(counting(s_.queries, {1, 1, s_.queries, 1}), offset);
      const ValueId back = b_.sub(places, keys);  // how far a key lies behind
      const std::int64_t ahead = causal ? 0 : right;
      if (ahead >= 0) {
        allow(allowed, b_.op("GreaterOrEqual", {back, number(-ahead)}));
      }
      if (left >= 0) {
        allow(allowed, b_.op("LessOrEqual", {back, number(left)}));
      }
    }
    if (lengths.valid()) {
      allow(allowed, b_.op("Less", {keys, lengths}));
    }
    return allowed;
  }

  // The mask with keys at its end that it does not speak of, which are not attended to.
  ValueId padded_mask() {
    ValueId mask = inputs_[kMask];
    Shape missing = b_.shape(mask);
    const int last = missing.rank() - 1;
    missing[last] = s_.total() - missing[last];
    if (missing[last] <= 0) {
      return mask;
    }
    const bool is_bool = b_.dtype(mask) == DType::kBool;
    const double nothing = is_bool ? 0 : -std::numeric_limits<double>::infinity();
    mask = is_bool ? mask : b_.cast(mask, wide_);
    const ValueId filler = b_.expand(b_.scalar(b_.dtype(mask), nothing), missing);
    return b_.op("Concat", {mask, filler}, {{"axis", std::int64_t{-1}}});
  }

  // Added to the logits: -inf where a key is not attended to; invalid when nothing is masked.
  ValueId make_bias() {
    ValueId allowed = allowed_by_position();
    ValueId bias;
    if (has(kMask)) {
      const ValueId mask = padded_mask();
      if (b_.dtype(mask) == DType::kBool) {
        allow(allowed, mask);
      } else {
        bias = b_.cast(mask, wide_);
      }
    }
    if (allowed.valid()) {
      const ValueId forbidden = b_.scalar(wide_, -std::numeric_limits<double>::infinity());
      bias = b_.op("Where", {allowed, bias.valid() ? bias : b_.scalar(wide_, 0), forbidden});
    }
    return bias;
  }

  ValueId rows_without_keys(ValueId bias) {
    const ValueId best = b_.op("ReduceMax", {bias},
                               {{"axes", std::vector<std::int64_t>{b_.shape(bias).rank() - 1}},
                                {"keepdims", std::int64_t{1}}});
    return b_.op("Equal", {best, b_.scalar(wide_, -std::numeric_limits<double>::infinity())});
  }

  // shares v, in the form of q
  ValueId attended(ValueId shares, ValueId value) {
    const ValueId rows = b_.reshape(
        shares, {s_.batch, s_.kv_heads, s_.heads / s_.kv_heads * s_.queries, s_.total()});
    const ValueId y = b_.reshape(b_.op("MatMul", {rows, b_.cast(value, type_)}),
                                 {s_.batch, s_.heads, s_.queries, s_.value_size});
    return joined(y);
  }
  ValueId joined(ValueId y) {
    return s_.split ? y
                    : b_.reshape(b_.transpose(y, {0, 2, 1, 3}),
                                 {s_.batch, s_.queries, s_.heads * s_.value_size});
  }

  Builder& b_;
  const Attrs& attrs_;
  const std::vector<ValueId>& inputs_;
  Sizes s_{};
  DType type_ = DType::kFloat32;
  DType wide_ = DType::kFloat32;  // of the softmax, float32 at least
  bool fuses_ = false, node_is_causal_ = false;
};

std::vector<ValueId> expand_attention(Builder& b, const Node& node,
                                      const std::vector<ValueId>& inputs) {
  return Expansion(b, node, inputs).run();
}

int batch_of_attention(const BatchContext& c) {
  for (int i = 0; i < c.input_count(); ++i) {
    c.check(!c.axis(i) || (*c.axis(i) == 0 && (i != kMask || c.shape(i).rank() == 4)),
            "takes the batch along another axis than 0");
  }
  return 0;
}

}  // namespace

void register_attention(OpRegistry& ops) {
  ops.add("Attention")
      .since(23)
      .batch(batch_of_attention)
      .inputs(3, 7)
      .outputs(1, 4)
      .infer(infer_attention)
      .expands(expand_attention)
      .expanded_in_plans()
      .precision(PrecisionClass::kLow);
}

}  // namespace temper::graph
