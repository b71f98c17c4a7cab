// Activations of com.microsoft with the addends that onnxruntime fuses into them: Gelu, BiasGelu,
// FastGelu, QuickGelu, BiasSplitGelu, and BiasAdd.
#include "graph/ops/composite.h"

namespace temper::graph {
namespace {

ValueId gelu(Builder& b, ValueId x, const char* approximate) {
  return b.op("Gelu", {x}, {{"approximate", std::string(approximate)}});
}

ValueId with_bias(Builder& b, const std::vector<ValueId>& inputs) {
  const ValueId bias = given(inputs, 1);
  return bias.valid() ? b.add(inputs[0], bias) : inputs[0];
}

// y = gelu(x + bias)
std::vector<ValueId> expand_gelu(Builder& b, const Node& /*node*/,
                                 const std::vector<ValueId>& inputs) {
  return {gelu(b, with_bias(b, inputs), "none")};
}

// The same with the approximation by tanh.
std::vector<ValueId> expand_fast_gelu(Builder& b, const Node& /*node*/,
                                      const std::vector<ValueId>& inputs) {
  return {gelu(b, with_bias(b, inputs), "tanh")};
}

// y = x sigmoid(alpha x)
std::vector<ValueId> expand_quick_gelu(Builder& b, const Node& node,
                                       const std::vector<ValueId>& inputs) {
  return {b.op("Swish", {inputs[0]}, {{"alpha", node.attrs.get_double("alpha", 1.702)}})};
}

// Of x + bias, [batch, sequence, 2 n], the first half times the gelu of the second.
std::vector<ValueId> expand_bias_split_gelu(Builder& b, const Node& /*node*/,
                                            const std::vector<ValueId>& inputs) {
  const ValueId x = with_bias(b, inputs);
  const Shape shape = b.shape(x);
  expect(shape.rank() > 0 && shape[shape.rank() - 1] % 2 == 0,
         "BiasSplitGelu halves the last axis of ", shape);
  const int axis = shape.rank() - 1;
  const std::int64_t half = shape[axis] / 2;
  return {b.mul(b.slice(x, axis, 0, half), gelu(b, b.slice(x, axis, half, shape[axis]), "none"))};
}

// y = x + bias + skip
std::vector<ValueId> expand_bias_add(Builder& b, const Node& /*node*/,
                                     const std::vector<ValueId>& inputs) {
  return {b.add(b.add(inputs[0], inputs[1]), inputs[2])};
}

}  // namespace

void register_fused_activation(OpRegistry& ops) {
  add_composite(ops, "Gelu", expand_gelu).activates(Activation::kOther);
  struct Row {
    const char* name;
    ExpandFunction expand;
    int least_inputs;
  };
  for (const Row& row : {Row{"BiasGelu", expand_gelu, 2}, Row{"FastGelu", expand_fast_gelu, 1},
                         Row{"BiasSplitGelu", expand_bias_split_gelu, 2}}) {
    add_composite(ops, row.name, row.expand)
        .inputs(row.least_inputs, 2)
        .bias(1, "bias")
        .activates(Activation::kOther);
  }
  add_composite(ops, "QuickGelu", expand_quick_gelu).activates(Activation::kOther);
  add_composite(ops, "BiasAdd", expand_bias_add).inputs(3, 3).bias(1, "bias");
}

}  // namespace temper::graph
