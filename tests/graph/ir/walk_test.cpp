#include "graph/ir/walk.h"

#include <gtest/gtest.h>

#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

std::vector<int> order(const Graph& graph) {
  std::vector<int> indices;
  for (const NodeId id : graph::topological_order(graph)) {
    indices.push_back(id.index);
  }
  return indices;
}

TEST(Walk, OrdersProducersFirstAndAmongTheReadyTheOldest) {
  SmallGraph g;
  const ValueId x = g.input("x", {2});
  const ValueId late = g.b.neg(x);           // 0
  const ValueId other = g.b.add(x, x);       // 1
  const ValueId sum = g.b.add(late, other);  // 2
  g.b.mul(sum, x);                           // 3
  // Node 0 now waits for node 3's neighbour: it reads what node 1 makes.
  g.graph.node(NodeId{0}).inputs[0] = other;
  EXPECT_EQ(order(g.graph), (std::vector<int>{1, 0, 2, 3}));
  g.graph.remove_node(NodeId{3});
  EXPECT_EQ(order(g.graph), (std::vector<int>{1, 0, 2}));
}

TEST(Walk, NamesTheNodesOfACycle) {
  SmallGraph g;
  g.b.set_origin("Neg 'first'");
  const ValueId a = g.b.neg(g.input("x", {2}));
  g.b.set_origin("Neg 'second'");
  const ValueId b = g.b.neg(a);
  g.graph.node(g.graph.value(a).producer).inputs[0] = b;
  expect_error(ErrorCode::kInvalidModel, "Neg 'second'",
               [&] { graph::topological_order(g.graph); });
}

TEST(Walk, LivesWhatAnOutputAnUpdateOrTheStepsConditionNeeds) {
  SmallGraph g;
  const ValueId x = g.input("x", {2});
  const VariableId w = g.variable("w", {2});
  g.output("y", g.b.neg(x));                                      // 0
  g.graph.add_update({w, g.b.add(g.graph.read_variable(w), x)});  // 1
  g.graph.ok = g.b.op("AllFinite", {x});                          // 2
  g.b.mul(x, x);                                                  // 3: nobody's
  EXPECT_EQ(graph::live_nodes(g.graph), (std::vector<bool>{true, true, true, false}));
}

TEST(Walk, CountsAReaderOnceForEachInputThatReads) {
  SmallGraph g;
  const ValueId x = g.input("x", {2});
  g.b.mul(x, x);
  g.b.neg(x);
  const auto users = graph::users(g.graph);
  const std::vector<NodeId> expected = {NodeId{0}, NodeId{0}, NodeId{1}};
  EXPECT_EQ(users[static_cast<std::size_t>(x.index)], expected);
}

}  // namespace
}  // namespace temper::test
