// Activations without a reduction: y = f(x) element by element, dx = <Name>Grad(dy, x or y). The
// formulas of f and of its derivative stand in backends/common/activations.h.
#include <array>
#include <string>

#include "graph/ir/grad_context.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

// dx = f'(x) * dy, where f' is written in terms of x
void gradient_from_input(GradContext& g) {
  const std::string grad_op = g.node().op->name() + "Grad";
  g.set(0, g.builder().op(grad_op, {g.dy(), g.x(0)}, g.attrs()));
}

// The same in terms of y
void gradient_from_output(GradContext& g) {
  const std::string grad_op = g.node().op->name() + "Grad";
  g.set(0, g.builder().op(grad_op, {g.dy(), g.y()}, g.attrs()));
}

void infer_with_defaults(InferContext& c,
                         std::initializer_list<std::pair<const char*, double>> defaults) {
  for (const auto& [name, value] : defaults) {
    c.attrs().set(name, c.attrs().get_double(name, value));
  }
  infer_float_unary(c);
}

void infer_leaky_relu(InferContext& c) { infer_with_defaults(c, {{"alpha", 0.01}}); }
void infer_elu(InferContext& c) { infer_with_defaults(c, {{"alpha", 1.0}}); }
void infer_hard_sigmoid(InferContext& c) {
  infer_with_defaults(c, {{"alpha", 0.2}, {"beta", 0.5}});
}
// ONNX's defaults, to the last bit of a float.
void infer_selu(InferContext& c) {
  infer_with_defaults(c,
                      {{"alpha", 1.67326319217681884765625}, {"gamma", 1.05070102214813232421875}});
}

void infer_gelu(InferContext& c) {
  const std::string approximate = c.attrs().get_string("approximate", "none");
  c.check(approximate == "none" || approximate == "tanh", "Gelu's approximate is \"", approximate,
          "\", expected \"none\" or \"tanh\"");
  c.attrs().set("approximate", approximate);
  infer_float_unary(c);
}

}  // namespace

void register_activation(OpRegistry& ops) {
  struct Row {
    const char* name;
    InferFunction infer;
    GradFunction gradient;
  };
  const std::array rows = {
      Row{"LeakyRelu", infer_leaky_relu, gradient_from_input},
      Row{"Sigmoid", infer_float_unary, gradient_from_output},
      Row{"Tanh", infer_float_unary, gradient_from_output},
      Row{"Softplus", infer_float_unary, gradient_from_input},
      Row{"Elu", infer_elu, gradient_from_input},
      Row{"Selu", infer_selu, gradient_from_input},
      Row{"HardSigmoid", infer_hard_sigmoid, gradient_from_input},
      Row{"HardSwish", infer_float_unary, gradient_from_input},
      Row{"Gelu", infer_gelu, gradient_from_input},
  };
  for (const Row& row : rows) {
    ops.add(row.name).infer(row.infer).gradient(row.gradient);
    ops.add(row.name + std::string("Grad")).inputs(2, 2).infer(row.infer).internal();
  }
  ops.add("Relu").infer(infer_number_unary).gradient(gradient_from_output);
  ops.add("ReluGrad").inputs(2, 2).infer(infer_float_unary).internal();
}

}  // namespace temper::graph
