#include "graph/passes/turn_weights.h"

#include <gtest/gtest.h>

#include "graph/autodiff/gradient.h"
#include "graph/ir/verify.h"
#include "graph/passes/cleanup.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

ValueId layer(SmallGraph& g, ValueId x, ValueId w) {
  return g.b.op("MatMul", {x, g.b.transpose(w, {1, 0})});
}

TEST(TurnWeights, ALayerReadsItsWeightAsItIs) {
  for (const Shape& shape : {Shape{4, 3}, Shape{2, 2, 3}}) {
    SmallGraph g;
    const ValueId x = g.input("x", shape);
    const ValueId w = g.input("w", {2, 3});
    const ValueId y = layer(g, x, w);
    g.graph.value(y).name = "hidden";
    g.output("y", y);
    const std::vector<std::pair<ValueId, Doubles>> given = {
        {x, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}}, {w, {1, 0, -1, 2, 1, 0}}};
    const Doubles before = g.run(given, y);
    graph::turn_weights(g.graph);
    graph::remove_dead_nodes(g.graph);
    verify(g.graph, "turn_weights");
    EXPECT_EQ(g.count("MatMul") + g.count("Transpose"), 0u);
    const ValueId made = g.graph.outputs[0].value;
    EXPECT_EQ(g.graph.value(made).name, "hidden");
    EXPECT_EQ(g.graph.value(made).shape, g.graph.value(y).shape);
    EXPECT_EQ(g.run(given, made), before);
  }
}

TEST(TurnWeights, SoDoesItsGradient) {
  SmallGraph g;
  const ValueId x = g.input("x", {2, 2, 3});
  const ValueId w = g.weight("w", {2, 3});
  g.output("y", layer(g, x, w));
  graph::turn_weights(g.graph);
  const ValueId y = g.graph.outputs[0].value;
  const std::vector<ValueId> wrt = {w};
  const ValueId dw =
      graph::gradient(g.graph, g.b.reduce_sum(g.b.mul(y, y), {0, 1, 2}, false), wrt)[0];
  g.output("dw", dw);
  graph::remove_dead_nodes(g.graph);
  EXPECT_EQ(g.count("Transpose"), 0u);
  EXPECT_EQ(g.graph.value(dw).shape, (Shape{2, 3}));
}

TEST(TurnWeights, NotOtherPermutations) {
  SmallGraph g;
  const ValueId x = g.input("x", {2, 4, 3});
  const ValueId w = g.input("w", {2, 5, 3});
  g.output("batched", g.b.op("MatMul", {x, g.b.transpose(w, {0, 2, 1})}));
  g.output("plain", g.b.op("MatMul", {x, g.input("v", {3, 2})}));
  graph::turn_weights(g.graph);
  EXPECT_EQ(g.count("MatMul"), 2u);
}

}  // namespace
}  // namespace temper::test
