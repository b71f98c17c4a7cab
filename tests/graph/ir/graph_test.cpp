#include "graph/ir/graph.h"

#include <gtest/gtest.h>

#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

TEST(Graph, ReadsAVariableAsOneValue) {
  SmallGraph g;
  const VariableId w = g.variable("w", {2}), v = g.variable("v", {2});
  EXPECT_EQ(g.graph.read_variable(w), g.graph.read_variable(w));
  EXPECT_NE(g.graph.read_variable(w), g.graph.read_variable(v));
}

TEST(Graph, MakesAnOutputThatWasLeftOutOnce) {
  SmallGraph g;
  const ValueId x = g.input("x", {4, 2}), c = g.input("c", {2});
  const ValueId y = g.b.ops("BatchNormTrain", {x, c, c, c, c}, 1)[0];
  const NodeId node = g.graph.value(y).producer;
  const ValueId third = g.graph.ensure_output(node, 3);
  EXPECT_EQ(g.graph.ensure_output(node, 3), third);
  EXPECT_EQ(g.graph.value(third).producer, node);
  EXPECT_EQ(g.graph.value(third).output_index, 3);
  EXPECT_FALSE(g.graph.node(node).outputs[1].valid());
}

TEST(Graph, ReplacesEveryUseOfAValue) {
  SmallGraph g;
  const ValueId x = g.input("x", {}, DType::kBool), y = g.input("y", {}, DType::kBool);
  const VariableId w = g.variable("w", {}, DType::kBool);
  const ValueId reader = g.b.op("Not", {x});
  g.output("x", x);
  g.graph.add_update({w, x});
  g.graph.ok = x;
  g.graph.replace_uses(x, y);
  EXPECT_EQ(g.producer(reader).inputs[0], y);
  EXPECT_EQ(g.graph.outputs[0].value, y);
  EXPECT_EQ(g.graph.updates[0].value, y);
  EXPECT_EQ(g.graph.ok, y);
}

TEST(Graph, KeepsIdsWhenNodesAreRemoved) {
  SmallGraph g;
  const ValueId x = g.input("x", {2});
  g.graph.remove_node(g.graph.value(g.b.neg(x)).producer);
  const ValueId y = g.b.neg(x);
  EXPECT_EQ(g.graph.value(y).producer, NodeId{1});
  EXPECT_EQ(g.graph.node_count(), 2);
}

TEST(Graph, FindsVariablesAndValuesByName) {
  SmallGraph g;
  const VariableId w = g.variable("w", {2});
  const ValueId x = g.input("x", {2});
  EXPECT_EQ(g.graph.find_variable("w"), w);
  EXPECT_EQ(g.graph.find_value("x"), x);
  EXPECT_FALSE(g.graph.find_variable("x").valid());
  EXPECT_FALSE(g.graph.find_value("nothing").valid());
}

}  // namespace
}  // namespace temper::test
