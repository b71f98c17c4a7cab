// CausalConvWithState: each channel convolved with its own kernel over what came before it, with
// the last inputs of the sequence so far carried from call to call.
#include "graph/ir/batch_context.h"
#include "graph/ir/builder.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"
#include "graph/ops/wide_expansion.h"

namespace temper::graph {
namespace {

enum Input { kX, kWeight, kBias, kPast };

void infer_causal_conv(InferContext& c) {
  require_float(c, kX);
  c.require_same_dtype({kX, kWeight, kBias, kPast});
  const Shape x = c.shape(kX), w = c.shape(kWeight);
  c.check(x.rank() == 3, "the input has the shape ", x, ", expected [batch, channels, length]");
  c.check(w.rank() == 3 && w[0] == x[1] && w[1] == 1 && w[2] > 0, "the weight has the shape ", w,
          ", expected [", x[1], ",1,k]");
  c.check(!c.has_input(kBias) || c.shape(kBias) == Shape{x[1]}, "the bias has another shape than ",
          Shape{x[1]});
  const Shape state{x[0], x[1], w[2] - 1};
  c.check(!c.has_input(kPast) || c.shape(kPast) == state, "past_state has another shape than ",
          state);
  const std::string activation = c.attrs().get_string("activation", "none");
  c.check(activation == "none" || activation == "silu" || activation == "swish", "activation is '",
          activation, "', expected none, silu or swish");
  c.set_output(0, c.dtype(kX), x);
  c.set_output(1, c.dtype(kX), state);
}

// s = past (or zeros) and x in a row;  y[b,c,t] = f(bias[c] + sum_k w[c,k] s[b,c,t + k]);
// present_state = the end of s
std::vector<ValueId> expand_causal_conv(Builder& b, const Node& node,
                                        const std::vector<ValueId>& inputs) {
  const auto given = [&](std::size_t i) { return i < inputs.size() && inputs[i].valid(); };
  const Shape x = b.shape(inputs[kX]);
  const std::int64_t taps = b.shape(inputs[kWeight])[2];
  ValueId past = given(kPast) ? inputs[kPast] : ValueId{};
  if (!past.valid()) {
    past = b.expand(b.scalar(b.dtype(inputs[kX]), 0), {x[0], x[1], taps - 1});
  }
  const ValueId sequence = b.op("Concat", {past, inputs[kX]}, {{"axis", std::int64_t{2}}});
  std::vector<ValueId> operands{sequence, inputs[kWeight]};
  if (given(kBias)) {
    operands.push_back(inputs[kBias]);
  }
  ValueId y = b.op("Conv", std::move(operands), {{"group", x[1]}});
  if (node.attrs.get_string("activation", "none") != "none") {
    y = b.mul(y, b.op("Sigmoid", {y}));
  }
  const std::int64_t length = x[2] + taps - 1;
  return {y, b.slice(sequence, 2, length - (taps - 1), length)};
}

int batch_of_causal_conv(const BatchContext& c) {
  c.check(c.axis(kX) == BatchAxis{0} && !c.axis(kWeight) && !c.axis(kBias) &&
              (c.axis(kPast) == BatchAxis{0} || c.input_count() <= kPast ||
               !c.node().inputs[kPast].valid()),
          "takes the batch along another axis than 0");
  return 0;
}

}  // namespace

void register_causal_conv(OpRegistry& ops) {
  ops.add("CausalConvWithState")
      .since(26)
      .batch(batch_of_causal_conv)
      .inputs(2, 4)
      .outputs(1, 2)
      .weight(kWeight, "weight")
      .weight(kBias, "bias")
      .units_along(1)
      .infer(infer_causal_conv)
      .expands(expand_wide<expand_causal_conv>)
      .expanded_in_plans()
      .precision(PrecisionClass::kLow);
}

}  // namespace temper::graph
