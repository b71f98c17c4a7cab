// Activations that are a few other ops, whose kernels and gradients they take: Swish, Mish, SwiGLU,
// PRelu, ThresholdedRelu, Shrink.
#include "graph/ir/builder.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"
#include "graph/ops/wide_expansion.h"

namespace temper::graph {
namespace {

void set_default(InferContext& c, const char* name, double value) {
  c.attrs().set(name, c.attrs().get_double(name, value));
}

void infer_with_alpha(InferContext& c) {
  set_default(c, "alpha", 1);
  infer_float_unary(c);
}

// a * sigmoid(alpha * a)
ValueId swish(Builder& b, const Node& node, ValueId a) {
  const double alpha = node.attrs.get_double("alpha", 1);
  return b.mul(a, b.op("Sigmoid", {alpha == 1 ? a : b.scale(a, alpha)}));
}

// y = x * sigmoid(alpha * x)
std::vector<ValueId> expand_swish(Builder& b, const Node& node,
                                  const std::vector<ValueId>& inputs) {
  return {swish(b, node, inputs[0])};
}

// y = swish(a) * b
std::vector<ValueId> expand_swiglu(Builder& b, const Node& node,
                                   const std::vector<ValueId>& inputs) {
  return {b.mul(swish(b, node, inputs[0]), inputs[1])};
}

// y = x * tanh(softplus(x))
std::vector<ValueId> expand_mish(Builder& b, const Node& /*node*/,
                                 const std::vector<ValueId>& inputs) {
  return {b.mul(inputs[0], b.op("Tanh", {b.op("Softplus", {inputs[0]})}))};
}

// The slope broadcasts to x, not x to the slope.
void infer_prelu(InferContext& c) {
  infer_number_broadcast(c);
  c.check(broadcast_inputs(c) == c.shape(0), "the slope has the shape ", c.shape(1),
          ", which does not broadcast to that of x, ", c.shape(0));
}

// y = x * (x > 0 ? 1 : slope), so that the slope's gradient is one product; at 0 the gradient is
// the slope's side (PyTorch)
std::vector<ValueId> expand_prelu(Builder& b, const Node& /*node*/,
                                  const std::vector<ValueId>& inputs) {
  const DType dtype = b.dtype(inputs[0]);
  const ValueId positive = b.op("Greater", {inputs[0], b.scalar(dtype, 0)});
  return {b.mul(inputs[0], b.op("Where", {positive, b.scalar(dtype, 1), inputs[1]}))};
}

// y = x > alpha ? x : 0
std::vector<ValueId> expand_thresholded_relu(Builder& b, const Node& node,
                                             const std::vector<ValueId>& inputs) {
  const DType dtype = b.dtype(inputs[0]);
  const ValueId alpha = b.scalar(dtype, node.attrs.get_double("alpha", 1));
  return {b.op("Where", {b.op("Greater", {inputs[0], alpha}), inputs[0], b.scalar(dtype, 0)})};
}

void infer_shrink(InferContext& c) {
  set_default(c, "bias", 0);
  set_default(c, "lambd", 0.5);
  infer_number_unary(c);
}

// y = x < -lambd ? x + bias : x > lambd ? x - bias : 0
std::vector<ValueId> expand_shrink(Builder& b, const Node& node,
                                   const std::vector<ValueId>& inputs) {
  const ValueId x = inputs[0];
  const DType dtype = b.dtype(x);
  const double bound = node.attrs.get_double("lambd", 0.5);
  const ValueId bias = b.scalar(dtype, node.attrs.get_double("bias", 0));
  const ValueId below = b.op("Less", {x, b.scalar(dtype, -bound)});
  const ValueId above = b.op("Greater", {x, b.scalar(dtype, bound)});
  const ValueId right = b.op("Where", {above, b.sub(x, bias), b.scalar(dtype, 0)});
  return {b.op("Where", {below, b.add(x, bias), right})};
}

}  // namespace

void register_composed_activation(OpRegistry& ops) {
  struct Row {
    const char* name;
    int inputs;
    InferFunction infer;
    ExpandFunction expand;
    int since = 20;
  };
  for (const Row& row : {
           Row{"Swish", 1, infer_with_alpha, expand_wide<expand_swish>, 24},
           Row{"SwiGLU", 2, infer_with_alpha, expand_wide<expand_swiglu>, 25},
           Row{"Mish", 1, infer_float_unary, expand_wide<expand_mish>},
           Row{"ThresholdedRelu", 1, infer_with_alpha, expand_thresholded_relu},
       }) {
    ops.add(row.name)
        .inputs(row.inputs, row.inputs)
        .batch(batch_elementwise)
        .activates(Activation::kOther)
        .infer(row.infer)
        .expands(row.expand)
        .since(row.since)
        .expanded_in_plans();
  }
  ops.add("PRelu")
      .inputs(2, 2)
      .weight(1, "slope")
      .batch(batch_elementwise)
      .activates(Activation::kOther)
      .infer(infer_prelu)
      .expands(expand_prelu)
      .expanded_in_plans()
      .precision(PrecisionClass::kLow);
  // Not expanded in plans: of integers the bounds and the bias keep their fractions.
  ops.add("Shrink")
      .batch(batch_elementwise)
      .activates(Activation::kOther)
      .infer(infer_shrink)
      .expands(expand_shrink);
}

}  // namespace temper::graph
