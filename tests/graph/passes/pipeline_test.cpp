#include "graph/passes/pipeline.h"

#include <gtest/gtest.h>

#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

TEST(Pipeline, TellsTheObserverOfEachPassInOrder) {
  SmallGraph g;
  g.output("y", g.b.neg(g.input("x", {2})));
  std::vector<std::string> passes;
  graph::PipelineOptions options;
  options.observer = [&](std::string_view pass, const Graph&) { passes.emplace_back(pass); };
  run_pipeline(g.graph, reference(), options);
  EXPECT_EQ(passes, (std::vector<std::string>{
                        "remove_dead_nodes", "expand_ops", "fold_constants", "merge_common_nodes",
                        "remove_dead_nodes_again", "widen_weight_gradients", "fold_settled_norms",
                        "fuse_relu", "fuse_elementwise", "remove_dead_nodes_last",
                        "mark_settled_weights", "finish_bodies"}));
}

TEST(Pipeline, VerifiesTheGraphWithoutBeingAsked) {
  SmallGraph g;
  const ValueId y = g.b.neg(g.input("x", {2}));
  g.output("y", y);
  g.graph.remove_node(g.graph.value(y).producer);
  expect_error(ErrorCode::kInternal, "after making it",
               [&] { run_pipeline(g.graph, reference()); });
}

// Folding makes constants equal, merging makes their readers one, which leaves the Relu alone
// behind its product.
TEST(Pipeline, EachPassSeesWhatTheOnesBeforeItLeft) {
  SmallGraph g;
  const ValueId x = g.input("x", {2, 2});
  const ValueId two = g.b.add(g.constant({}, {1}), g.constant({}, {1}));
  const ValueId a = g.b.op("Relu", {g.b.op("MatMul", {g.b.mul(x, two), x})});
  const ValueId b = g.b.op("Relu", {g.b.op("MatMul", {g.b.mul(x, g.constant({}, {2})), x})});
  g.output("y", g.b.add(a, b));
  const Doubles before = g.run({{x, {1, 2, 3, -4}}}, g.graph.outputs[0].value);
  run_pipeline(g.graph, reference());
  EXPECT_EQ(g.count("Relu"), 0u);
  EXPECT_EQ(g.count("MatMul"), 1u);
  EXPECT_EQ(g.count("Add"), 1u);
  EXPECT_EQ(g.run({{x, {1, 2, 3, -4}}}, g.graph.outputs[0].value), before);
}

}  // namespace
}  // namespace temper::test
