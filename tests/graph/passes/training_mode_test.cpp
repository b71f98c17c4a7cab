// What becomes of Dropout and BatchNormalization in a training graph.
#include "graph/passes/training_mode.h"

#include <gtest/gtest.h>

#include "backends/reference/reference_backend.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/evaluate.h"

namespace temper::test {
namespace {

TEST(TrainingMode, DropoutThatDropsNothingStillGivesItsMask) {
  const auto reference = reference::make_reference_backend();
  graph::Graph graph(graph::standard_ops());
  const ValueId x = graph.add_input("x", DType::kFloat32, Shape{3});
  const NodeId dropout =
      graph.add_node(graph.registry().get("Dropout"), {x}, {"y", "mask"},
                     {{"ratio", 0.0}, {"training_mode", std::int64_t{1}}}, "Dropout 'd'");
  const ValueId y = graph.node(dropout).outputs[0];
  const ValueId mask = graph.node(dropout).outputs[1];
  graph.add_output("y", y);
  graph.add_output("mask", mask);
  graph::bind_shapes(graph, {}, 1, *reference);
  graph::apply_training_mode(graph, {});
  const Tensor data = Tensor::from<float>(DType::kFloat32, {3}, std::vector<float>{1, -2, 3});
  const std::vector<Tensor> got = graph::evaluate(graph, *reference, {{x, data}},
                                                  {graph.outputs[0].value, graph.outputs[1].value});
  EXPECT_EQ(got[0].values<float>(), (std::vector<float>{1, -2, 3}));
  EXPECT_EQ(got[1].values<int>(), (std::vector<int>{1, 1, 1}));
}

}  // namespace
}  // namespace temper::test
