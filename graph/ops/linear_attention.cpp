// LinearAttention: a state S [key size, value size] of each head of keys is read by queries after
// every step has decayed it and written to it; with rule "gated_delta", a = exp(decay):
//   P = a * S by rows,  u = beta (v - P^T k),  S' = P + k u^T,  y = scale S'^T q
// without "delta" u is v, without "gated" a is 1. Queries share the state of their key's head.
#include <cmath>
#include <string>
#include <vector>

#include "graph/ir/batch_context.h"
#include "graph/ir/builder.h"
#include "graph/ir/grad_context.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

enum Input { kQuery, kKey, kValue, kPast, kDecay, kBeta, kInputs };

bool has_decay(const std::string& rule) { return rule.starts_with("gated"); }
bool has_beta(const std::string& rule) { return rule.ends_with("delta"); }

struct Sizes {
  std::int64_t batch, steps, heads, kv_heads, key_size, value_size;

  Shape state() const { return {batch, kv_heads, key_size, value_size}; }
  Shape output() const { return {batch, steps, heads * value_size}; }
};

Sizes sizes_of(const Attrs& attrs, const Shape& query, const Shape& value) {
  const std::int64_t heads = attrs.get_int("q_num_heads", 1);
  const std::int64_t kv_heads = attrs.get_int("kv_num_heads", 1);
  return {query[0], query[1], heads, kv_heads, query[2] / heads, value[2] / kv_heads};
}

// Checks everything and fills in the scale.
Sizes check_linear_attention(InferContext& c) {
  require_float(c, kQuery);
  c.require_same_dtype({kQuery, kKey, kValue, kPast, kDecay, kBeta});
  Attrs& attrs = c.attrs();
  const Shape q = c.shape(kQuery), k = c.shape(kKey), v = c.shape(kValue);
  const std::int64_t heads = attrs.get_int("q_num_heads", 0);
  const std::int64_t kv_heads = attrs.get_int("kv_num_heads", 0);
  c.check(q.rank() == 3 && k.rank() == 3 && v.rank() == 3, "query, key and value have the shapes ",
          q, ", ", k, " and ", v, ", expected [batch, length, heads * size] each");
  c.check(heads > 0 && kv_heads > 0 && heads % kv_heads == 0 && q[2] % heads == 0 &&
              v[2] % kv_heads == 0 && q[2] > 0,
          "q_num_heads is ", heads, " and kv_num_heads ", kv_heads, " for the query ", q,
          " and the value ", v, "; the second must divide the first, and both the features");
  const Sizes s = sizes_of(attrs, q, v);
  const Shape key{s.batch, s.steps, s.kv_heads * s.key_size};
  c.check(k == key && v[0] == s.batch && v[1] == s.steps, "the key has the shape ", k,
          " and the value ", v, ", expected ", key, " and ",
          Shape{s.batch, s.steps, s.kv_heads * s.value_size});
  const std::string rule = attrs.get_string("update_rule", "gated_delta");
  c.check(rule == "linear" || rule == "gated" || rule == "delta" || rule == "gated_delta",
          "update_rule is '", rule, "', expected linear, gated, delta or gated_delta");
  c.check(c.has_input(kDecay) == has_decay(rule), "update_rule ", rule, " goes ",
          has_decay(rule) ? "with" : "without", " decay");
  c.check(c.has_input(kBeta) == has_beta(rule), "update_rule ", rule, " goes ",
          has_beta(rule) ? "with" : "without", " beta");
  c.check(!c.has_input(kPast) || c.shape(kPast) == s.state(), "past_state has another shape than ",
          s.state());
  const Shape by_head{s.batch, s.steps, s.kv_heads}, one{s.batch, s.steps, 1};
  c.check(!c.has_input(kDecay) || c.shape(kDecay) == key || c.shape(kDecay) == by_head,
          "decay has another shape than ", key, " or ", by_head);
  c.check(!c.has_input(kBeta) || c.shape(kBeta) == by_head || c.shape(kBeta) == one,
          "beta has another shape than ", by_head, " or ", one);
  attrs.set("update_rule", rule);
  const double scale = attrs.get_double("scale", 0);
  attrs.set("scale", scale == 0 ? 1 / std::sqrt(static_cast<double>(s.key_size)) : scale);
  attrs.erase("chunk_size");  // how to compute it, not what
  return s;
}

void infer_linear_attention(InferContext& c) {
  const Sizes s = check_linear_attention(c);
  c.set_output(0, c.dtype(kQuery), s.output());
  c.set_output(1, c.dtype(kQuery), s.state());
}

void infer_linear_attention_grad(InferContext& c) {
  const Sizes s = check_linear_attention(c);
  c.require_same_dtype({kQuery, kInputs, kInputs + 1});
  c.check(!c.has_input(kInputs) || c.shape(kInputs) == s.output(), "dy has another shape than ",
          s.output());
  c.check(!c.has_input(kInputs + 1) || c.shape(kInputs + 1) == s.state(),
          "the gradient of the state has another shape than ", s.state());
  for (int i = 0; i < kInputs; ++i) {
    if (c.has_output(i)) {
      c.set_output(i, c.dtype(i), c.shape(i));
    }
  }
}

// From the last step to the first, dS being passed on:
//   dq = scale S' dy,  dS += scale q dy^T,  du = dS^T k,  dk = dS u,  dP = dS
//   with beta: dbeta = du (v - P^T k),  dv = beta du,  dk -= beta P du,  dP -= beta k du^T; else dv
//   = du ddecay = sum dP P by rows,  dS = a dP
void linear_attention_gradient(GradContext& g) {
  std::vector<ValueId> inputs = g.node().inputs;
  inputs.resize(kInputs);
  std::vector<bool> wanted;
  for (int i = 0; i < kInputs; ++i) {
    wanted.push_back(g.needs(i));
  }
  for (int i = 0; i < 2; ++i) {
    inputs.push_back(g.has_dy(i) ? g.dy(i) : ValueId{});
  }
  const std::vector<ValueId> made =
      g.builder().ops(g.node().op->gradient_op_name, std::move(inputs), kInputs, g.attrs(), wanted);
  for (int i = 0; i < kInputs; ++i) {
    if (wanted[static_cast<std::size_t>(i)]) {
      g.set(i, made[static_cast<std::size_t>(i)]);
    }
  }
}

// The op as nodes of other ops, step by step: what second derivatives are taken through.
class Steps {
 public:
  Steps(Builder& builder, const Node& node, const std::vector<ValueId>& inputs)
      : b_(builder),
        attrs_(node.attrs),
        inputs_(inputs),
        s_(sizes_of(attrs_, b_.shape(inputs[kQuery]), b_.shape(inputs[kValue]))) {}

  std::vector<ValueId> run() {
    const std::string rule = attrs_.get_string("update_rule", "");
    const DType type = b_.dtype(inputs_[kQuery]);
    const ValueId zero = b_.scalar(type, 0);
    ValueId state = has(kPast) ? inputs_[kPast] : b_.expand(zero, s_.state());
    const ValueId query = b_.scale(inputs_[kQuery], attrs_.get_double("scale", 1));
    std::vector<ValueId> rows;
    for (std::int64_t t = 0; t < s_.steps; ++t) {
      const ValueId k = at(inputs_[kKey], t, {s_.batch, s_.kv_heads, s_.key_size, 1});
      ValueId written = at(inputs_[kValue], t, {s_.batch, s_.kv_heads, 1, s_.value_size});
      if (has_decay(rule)) {
        const std::int64_t by_key = b_.shape(inputs_[kDecay])[2] / s_.kv_heads;
        const ValueId decay = at(inputs_[kDecay], t, {s_.batch, s_.kv_heads, by_key, 1});
        state = b_.mul(state, b_.op("Exp", {decay}));
      }
      if (has_beta(rule)) {
        const ValueId held = b_.op("MatMul", {b_.transpose(k, {0, 1, 3, 2}), state});
        const ValueId beta = at(inputs_[kBeta], t, {s_.batch, b_.shape(inputs_[kBeta])[2], 1, 1});
        written = b_.mul(beta, b_.sub(written, held));
      }
      state = b_.add(state, b_.mul(k, written));
      const ValueId q = at(query, t, {s_.batch, s_.kv_heads, s_.heads / s_.kv_heads, s_.key_size});
      rows.push_back(
          b_.reshape(b_.op("MatMul", {q, state}), {s_.batch, 1, s_.heads * s_.value_size}));
    }
    const ValueId y = rows.empty() ? b_.expand(zero, s_.output())
                                   : b_.op("Concat", rows, {{"axis", std::int64_t{1}}});
    return {y, b_.op("Identity", {state})};
  }

 private:
  bool has(std::size_t i) const { return i < inputs_.size() && inputs_[i].valid(); }
  ValueId at(ValueId sequence, std::int64_t step, Shape shape) {
    return b_.reshape(b_.slice(sequence, 1, step, step + 1), std::move(shape));
  }

  Builder& b_;
  Attrs attrs_;
  std::vector<ValueId> inputs_;
  Sizes s_;
};

std::vector<ValueId> expand_linear_attention(Builder& b, const Node& node,
                                             const std::vector<ValueId>& inputs) {
  return Steps(b, node, inputs).run();
}

int batch_of_linear_attention(const BatchContext& c) {
  for (int i = 0; i < c.input_count(); ++i) {
    const bool given = c.node().inputs[static_cast<std::size_t>(i)].valid();
    c.check(!given || c.axis(i) == BatchAxis{0}, "takes the batch along another axis than 0");
  }
  return 0;
}

}  // namespace

void register_linear_attention(OpRegistry& ops) {
  ops.add("LinearAttention")
      .since(26)
      .batch(batch_of_linear_attention)
      .inputs(3, kInputs)
      .outputs(1, 2)
      .infer(infer_linear_attention)
      .gradient(linear_attention_gradient)
      .expands(expand_linear_attention)
      .gradient_op("LinearAttentionGrad")
      .precision(PrecisionClass::kFloat32);
  ops.add("LinearAttentionGrad")
      .inputs(kInputs + 1, kInputs + 2)
      .outputs(1, kInputs)
      .infer(infer_linear_attention_grad)
      .backward_of("LinearAttention")
      .precision(PrecisionClass::kFloat32)
      .internal();
}

}  // namespace temper::graph
