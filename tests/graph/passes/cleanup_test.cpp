#include "graph/passes/cleanup.h"

#include <gtest/gtest.h>

#include "graph/ir/verify.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

TEST(RemoveDeadNodes, KeepsWhatOutputsAndUpdatesNeed) {
  SmallGraph g;
  const ValueId x = g.input("x", {2});
  const ValueId used = g.b.neg(x);
  g.output("y", g.b.mul(used, used));
  const VariableId w = g.variable("w", {2});
  g.graph.add_update({w, g.b.add(g.graph.read_variable(w), x)});
  g.b.op("Exp", {g.b.op("Sqrt", {x})});
  graph::remove_dead_nodes(g.graph);
  verify(g.graph, "remove_dead_nodes");
  EXPECT_EQ(g.count("Neg") + g.count("Mul") + g.count("Add"), 3u);
  EXPECT_EQ(g.count("Exp") + g.count("Sqrt"), 0u);
}

TEST(MergeCommonNodes, MakesOneOfEqualNodesAlsoOverEqualConstants) {
  SmallGraph g;
  const ValueId x = g.input("x", {2});
  const ValueId a = g.b.scale(x, 2), b = g.b.scale(x, 2);  // two constants of the same bits
  g.output("y", g.b.add(g.b.neg(a), g.b.neg(b)));
  graph::merge_common_nodes(g.graph);
  verify(g.graph, "merge_common_nodes");
  EXPECT_EQ(g.count("Mul"), 1u);
  EXPECT_EQ(g.count("Neg"), 1u);
  EXPECT_EQ(g.run({{x, {1, 2}}}, g.graph.outputs[0].value), (Doubles{-4, -8}));
}

TEST(MergeCommonNodes, LeavesApartWhatDiffersInAttributesInputsOrOutputs) {
  SmallGraph g;
  const ValueId x = g.input("x", {4, 4});
  const auto softmax = [&](std::int64_t axis) { return g.b.op("Softmax", {x}, {{"axis", axis}}); };
  g.output("a", softmax(0));
  g.output("b", softmax(1));
  g.output("c", g.b.sub(x, softmax(0)));
  g.output("d", g.b.sub(softmax(0), x));
  graph::merge_common_nodes(g.graph);
  verify(g.graph, "merge_common_nodes");
  EXPECT_EQ(g.count("Softmax"), 2u);
  EXPECT_EQ(g.count("Sub"), 2u);
}

TEST(MergeCommonNodes, NeverMergesRandomNumbers) {
  SmallGraph g;
  const ValueId x = g.input("x", {4});
  const ValueId position = g.input("position", {}, DType::kInt64);
  const Attrs attrs = {{"ratio", 0.5}, {"seed", std::int64_t{1}}, {"random_id", std::int64_t{0}}};
  g.output("a", g.b.op("DropoutTrain", {x, position}, attrs));
  g.output("b", g.b.op("DropoutTrain", {x, position}, attrs));
  graph::merge_common_nodes(g.graph);
  EXPECT_EQ(g.count("DropoutTrain"), 2u);
}

}  // namespace
}  // namespace temper::test
