// FusedAttention: y = softmax(scale q k^T + bias) v along the last two axes, which are [queries,
// size], [keys, size] (or turned, with k_transposed) and [keys, values]; the axes before them are
// equal. lse is the logarithm of each query's sum of exponentials, from which the gradient makes
// the shares again: a [queries, keys] tensor is never kept. With `causal`, query i attends to keys
// 0 to i. A query that attends to no key gives NaN, or with `zero_rows` 0 and an lse of 0. With
// `ratio`, the shares are dropped as DropoutTrain drops a tensor of their shape, by the same random
// numbers; `position` is DropoutTrain's.
#include <limits>
#include <numeric>

#include "graph/ir/broadcast.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/product_work.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

enum Input { kQuery, kKey, kValue, kBias, kPosition, kOutput, kLogSum, kOutputGradient };

bool flag(const Attrs& attrs, const char* name) { return attrs.get_int(name, 0) != 0; }
bool drops(const Attrs& attrs) { return attrs.get_double("ratio", 0) > 0; }

void check_inputs(InferContext& c) {
  require_float(c, kQuery);
  c.require_same_dtype({kQuery, kKey, kValue});
  const Shape q = c.shape(kQuery), k = c.shape(kKey), v = c.shape(kValue);
  const int rank = q.rank();
  c.check(rank >= 2 && k.rank() == rank && v.rank() == rank, "q, k and v have the shapes ", q, ", ",
          k, " and ", v, ", expected one rank of 2 or more");
  const int keys = flag(c.attrs(), "k_transposed") ? rank - 1 : rank - 2;
  bool fits = k[2 * rank - 3 - keys] == q[rank - 1] && v[rank - 2] == k[keys];
  for (int axis = 0; axis < rank - 2; ++axis) {
    fits = fits && k[axis] == q[axis] && v[axis] == q[axis];
  }
  c.check(fits, "q ", q, ", k ", k, " and v ", v, " do not fit");
  if (c.has_input(kBias)) {
    Shape scores = q;
    scores[rank - 1] = k[keys];
    c.check(broadcast(c.shape(kBias), scores) == scores, "bias has the shape ", c.shape(kBias),
            ", expected one that broadcasts to ", scores);
    c.check(is_float(c.dtype(kBias)), "bias is ", c.dtype(kBias));
  }
  c.check(drops(c.attrs()) == c.has_input(kPosition),
          "a position is given where shares are dropped, and only there");
  if (c.has_input(kPosition)) {
    c.check(c.dtype(kPosition) == DType::kInt64 && c.shape(kPosition).element_count() == 1,
            "position must be one i64, but is ", c.dtype(kPosition), " ", c.shape(kPosition));
  }
}

void infer_fused_attention(InferContext& c) {
  check_inputs(c);
  Shape y = c.shape(kQuery), rows;
  for (int axis = 0; axis < y.rank() - 1; ++axis) {
    rows.push_back(y[axis]);
  }
  y[y.rank() - 1] = c.shape(kValue)[y.rank() - 1];
  const DType dtype = c.dtype(kQuery);
  c.set_output(0, dtype, y);
  c.set_output(1, dtype == DType::kFloat64 ? dtype : DType::kFloat32, rows);
}

void infer_fused_attention_grad(InferContext& c) {
  check_inputs(c);
  for (int i = 0; i < 3; ++i) {
    if (c.has_output(i)) {
      c.set_output(i, c.dtype(i), c.shape(i));
    }
  }
  if (c.has_output(kBias)) {
    c.check(c.has_input(kBias), "there is no bias to give the gradient of");
    c.set_output(kBias, c.dtype(kBias), c.shape(kBias));
  }
}

// The op in nodes that keep all scores.
class Formula {
 public:
  Formula(Builder& builder, const Attrs& attrs, const std::vector<ValueId>& inputs)
      : b_(builder), attrs_(attrs), inputs_(inputs), type_(b_.dtype(inputs[kQuery])) {
    wide_ = type_ == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32;
  }

  ValueId turned(ValueId a) {
    std::vector<std::int64_t> perm(static_cast<std::size_t>(b_.shape(a).rank()));
    std::iota(perm.begin(), perm.end(), 0);
    std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
    return b_.transpose(a, std::move(perm));
  }
  ValueId product(ValueId a, ValueId b) { return b_.op("MatMul", {a, b}); }

  // scale q k^T + bias, -inf where a key is not attended to
  ValueId scores() {
    const bool stands = flag(attrs_, "k_transposed");
    ValueId made = product(inputs_[kQuery], stands ? inputs_[kKey] : turned(inputs_[kKey]));
    made = b_.scale(b_.cast(made, wide_), attrs_.get_double("scale", 1));
    if (inputs_.size() > kBias && inputs_[kBias].valid()) {
      made = b_.add(made, b_.cast(inputs_[kBias], wide_));
    }
    if (!flag(attrs_, "causal")) {
      return made;
    }
    const Shape shape = b_.shape(made);
    const int rank = shape.rank();
    const ValueId ahead = b_.op("Less", {counting(shape[rank - 2], {shape[rank - 2], 1}),
                                         counting(shape[rank - 1], {1, shape[rank - 1]})});
    return b_.op("Where",
                 {ahead, b_.scalar(wide_, -std::numeric_limits<double>::infinity()), made});
  }

  // The output and the logarithms.
  std::vector<ValueId> outputs() {
    ValueId all = scores();
    const std::int64_t last = b_.shape(all).rank() - 1;
    ValueId nothing;
    if (flag(attrs_, "zero_rows")) {
      const ValueId top =
          b_.op("ReduceMax", {all}, {{"axes", std::vector{last}}, {"keepdims", std::int64_t{1}}});
      nothing = b_.op("Equal", {top, b_.scalar(wide_, -std::numeric_limits<double>::infinity())});
      all = b_.op("Where", {nothing, b_.scalar(wide_, 0), all});
    }
    ValueId shares = b_.op("Softmax", {all}, {{"axis", last}});
    ValueId lse = b_.op("ReduceLogSumExp", {all},
                        {{"axes", std::vector{last}}, {"keepdims", std::int64_t{1}}});
    if (nothing.valid()) {
      shares = b_.op("Where", {nothing, b_.scalar(wide_, 0), shares});
      lse = b_.op("Where", {nothing, b_.scalar(wide_, 0), lse});
    }
    return {product(b_.cast(dropped(shares), type_), inputs_[kValue]),
            b_.reshape(lse, without_last(b_.shape(lse)))};
  }

  // The shares that are left, and those alone through which a gradient comes back.
  ValueId dropped(ValueId shares) { return drops(attrs_) ? drop(shares)[0] : shares; }
  ValueId passed(ValueId gradient) {
    if (!drops(attrs_)) {
      return gradient;
    }
    const double ratio = attrs_.get_double("ratio", 0);
    return b_.op("Where", {drop(gradient)[1], b_.scale(gradient, ratio < 1 ? 1 / (1 - ratio) : 0),
                           b_.scalar(b_.dtype(gradient), 0)});
  }

  // p = exp(scores - lse)
  ValueId shares(ValueId lse) {
    Shape rows = b_.shape(lse);
    rows.push_back(1);
    return b_.op("Exp", {b_.sub(scores(), b_.reshape(lse, rows))});
  }

  // The gradient of the scores: ds = p (dy v^T - sum(dy y) + dlse)
  ValueId score_gradient(ValueId p, ValueId y, ValueId dy, ValueId dlse) {
    ValueId sum;
    if (dy.valid()) {
      const std::int64_t last = b_.shape(dy).rank() - 1;
      const ValueId both = b_.mul(b_.cast(dy, wide_), b_.cast(y, wide_));
      sum = b_.sub(passed(b_.cast(product(dy, turned(inputs_[kValue])), wide_)),
                   b_.reduce_sum(both, {last}, true));
    }
    if (dlse.valid()) {
      Shape rows = b_.shape(dlse);
      rows.push_back(1);
      const ValueId more = b_.reshape(dlse, rows);
      sum = sum.valid() ? b_.add(sum, more) : more;
    }
    return b_.mul(p, sum);
  }

  // The gradients of q, k and v from those of the scores.
  ValueId query_gradient(ValueId ds) {
    const ValueId k = flag(attrs_, "k_transposed") ? turned(inputs_[kKey]) : inputs_[kKey];
    return product(scaled(ds), k);
  }
  ValueId key_gradient(ValueId ds) {
    return flag(attrs_, "k_transposed") ? product(turned(inputs_[kQuery]), scaled(ds))
                                        : product(turned(scaled(ds)), inputs_[kQuery]);
  }
  ValueId value_gradient(ValueId p, ValueId dy) {
    return product(turned(b_.cast(dropped(p), type_)), dy);
  }
  ValueId bias_gradient(ValueId ds) {
    return b_.cast(b_.sum_to(ds, b_.shape(inputs_[kBias])), b_.dtype(inputs_[kBias]));
  }

 private:
  std::vector<ValueId> drop(ValueId shares) {
    return b_.ops("DropoutTrain", {shares, inputs_[kPosition]}, 2,
                  {{"ratio", attrs_.get_double("ratio", 0)},
                   {"seed", attrs_.get_int("seed", 0)},
                   {"random_id", attrs_.get_int("random_id", 0)}});
  }
  static Shape without_last(const Shape& shape) {
    Shape made;
    for (int axis = 0; axis < shape.rank() - 1; ++axis) {
      made.push_back(shape[axis]);
    }
    return made;
  }
  ValueId counting(std::int64_t count, Shape shape) {
    const auto number = [&](std::int64_t n) {
      return b_.scalar(DType::kInt64, static_cast<double>(n));
    };
    return b_.reshape(b_.op("Range", {number(0), number(count), number(1)}), std::move(shape));
  }
  ValueId scaled(ValueId ds) { return b_.cast(b_.scale(ds, attrs_.get_double("scale", 1)), type_); }

  Builder& b_;
  const Attrs& attrs_;
  const std::vector<ValueId>& inputs_;
  DType type_;
  DType wide_ = DType::kFloat32;
};

std::vector<ValueId> expand_fused_attention(Builder& b, const Node& node,
                                            const std::vector<ValueId>& inputs) {
  return Formula(b, node.attrs, inputs).outputs();
}

std::vector<ValueId> expand_fused_attention_grad(Builder& b, const Node& node,
                                                 const std::vector<ValueId>& inputs) {
  Formula formula(b, node.attrs, inputs);
  const ValueId p = formula.shares(inputs[kLogSum]);
  const ValueId ds = formula.score_gradient(p, inputs[kOutput], inputs[kOutputGradient], {});
  return {formula.query_gradient(ds), formula.key_gradient(ds),
          formula.value_gradient(p, inputs[kOutputGradient]),
          inputs[kBias].valid() ? formula.bias_gradient(ds) : ValueId{}};
}

// p = exp(scale q k^T + bias - lse),  ds = p (dy v^T - sum(dy y))
// dq = scale ds k,  dk = scale ds^T q,  dv = p^T dy,  dbias = ds summed over its broadcast axes;
// with a mask of dropped shares, dv takes p and ds takes dy v^T less those, the others scaled up
void fused_attention_gradient(GradContext& g) {
  std::vector<ValueId> inputs = g.node().inputs;
  inputs.resize(kPosition + 1);
  const ValueId lse = g.saved(1);
  const ValueId dlse = g.has_dy(1) ? g.dy(1) : ValueId{};
  const ValueId dy = g.has_dy(0) ? g.dy(0) : ValueId{};
  const std::vector<bool> wanted = {g.needs(kQuery), g.needs(kKey), g.needs(kValue),
                                    g.needs(kBias)};
  if (!dlse.valid()) {
    inputs.insert(inputs.end(), {g.y(0), lse, dy});
    const auto made =
        g.builder().ops(g.node().op->gradient_op_name, std::move(inputs), 4, g.attrs(), wanted);
    for (int i = 0; i <= kBias; ++i) {
      if (g.needs(i)) {
        g.set(i, made[static_cast<std::size_t>(i)]);
      }
    }
    return;
  }
  const Attrs attrs = g.attrs();  // a copy: adding nodes moves them
  Formula formula(g.builder(), attrs, inputs);
  const ValueId p = formula.shares(lse);
  const ValueId ds = formula.score_gradient(p, g.y(0), dy, dlse);
  if (g.needs(kQuery)) {
    g.set(kQuery, formula.query_gradient(ds));
  }
  if (g.needs(kKey)) {
    g.set(kKey, formula.key_gradient(ds));
  }
  if (g.needs(kValue) && dy.valid()) {
    g.set(kValue, formula.value_gradient(p, dy));
  }
  if (g.needs(kBias)) {
    g.set(kBias, formula.bias_gradient(ds));
  }
}

double fused_attention_work(const Graph& graph, const Node& node) {
  const Shape& k = graph.value(node.inputs[kKey]).shape;
  const int rank = k.rank();
  const bool turned = flag(node.attrs, "k_transposed");
  const auto keys = static_cast<double>(k[turned ? rank - 1 : rank - 2]);
  return 2 * keys *
         (element_count(graph, node.inputs[kQuery]) + element_count(graph, node.outputs.front()));
}

}  // namespace

void register_fused_attention(OpRegistry& ops) {
  ops.add("FusedAttention")
      .internal()
      .inputs(3, 5)
      .outputs(1, 2)
      .infer(infer_fused_attention)
      .gradient(fused_attention_gradient)
      .expands(expand_fused_attention)
      .gradient_op("FusedAttentionGrad")
      .work(fused_attention_work)
      .precision(PrecisionClass::kLow)
      .wide_inputs({kBias});
  ops.add("FusedAttentionGrad")
      .internal()
      .inputs(8, 8)
      .outputs(1, 4)
      .infer(infer_fused_attention_grad)
      .expands(expand_fused_attention_grad)
      .precision(PrecisionClass::kLow)
      .wide_inputs({kBias, kLogSum});
}

}  // namespace temper::graph
