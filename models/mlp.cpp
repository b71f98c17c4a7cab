// A multilayer perceptron: Linear and ReLU in turn.
#include "models/architecture_list.h"
#include "models/layers.h"

namespace temper::models {
namespace {

void build(Network& n, const Attrs& options) {
  std::int64_t width = options.get_int("inputs", 0);
  ValueId x = n.input("input", DType::kFloat32, {open_dim("batch"), fixed_dim(width)});
  int number = 0;
  for (const std::int64_t next : options.get_ints("hidden")) {
    x = relu(n, linear(n, concat("layers.", number++), x, width, next));
    x = dropout(n, x, options.get_double("dropout", 0));
    width = next;
  }
  const std::int64_t outputs = options.get_int("outputs", 0);
  n.output("output", linear(n, concat("layers.", number), x, width, outputs),
           {open_dim("batch"), fixed_dim(outputs)});
}

}  // namespace

Architecture mlp() {
  return {"mlp",
          "multilayer perceptron: input [batch, inputs] to output [batch, outputs]",
          {{"inputs", std::int64_t{784}, "features of a sample"},
           {"hidden", std::vector<std::int64_t>{256, 128}, "width of each hidden layer"},
           {"outputs", std::int64_t{10}, "classes, or values to predict"},
           dropout_option(0)},
          build};
}

}  // namespace temper::models
