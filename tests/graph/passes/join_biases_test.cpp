#include "graph/passes/join_biases.h"

#include <gtest/gtest.h>

#include "graph/autodiff/gradient.h"
#include "graph/ir/verify.h"
#include "graph/passes/cleanup.h"
#include "graph/passes/turn_weights.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

using Given = std::vector<std::pair<ValueId, Doubles>>;

// x [2, 3] in any shape, w [2, 3], bias [2]
const Doubles kX = {1, 2, 3, 4, 5, 6}, kW = {1, 0, -1, 2, 1, 0}, kBias = {10, 20};
// x w^T + bias by hand
const Doubles kSums = {8, 24, 8, 33};

ValueId layer(SmallGraph& g, ValueId x, ValueId w) {
  return g.b.op("MatMul", {x, g.b.transpose(w, {1, 0})});
}

TEST(JoinBiases, AddedVectorsBecomePartOfTheProduct) {
  for (const Shape& shape : {Shape{2, 3}, Shape{1, 2, 3}}) {
    for (const bool bias_first : {false, true}) {
      for (const bool turned : {false, true}) {
        SmallGraph g;
        const ValueId x = g.input("x", shape);
        const ValueId w = g.input("w", {2, 3}), bias = g.input("bias", {2});
        const ValueId product = layer(g, x, w);
        const ValueId y = bias_first ? g.b.add(bias, product) : g.b.add(product, bias);
        g.graph.value(y).name = "hidden";
        g.output("y", y);
        const Shape before = g.graph.value(y).shape;
        if (turned) {
          graph::turn_weights(g.graph);
        }
        graph::join_biases(g.graph);
        graph::remove_dead_nodes(g.graph);
        verify(g.graph, "join_biases");
        EXPECT_EQ(g.count("Add") + g.count("MatMul"), 0u);
        EXPECT_EQ(g.count("Gemm"), 1u);
        const ValueId made = g.graph.outputs[0].value;
        EXPECT_EQ(g.graph.value(made).name, "hidden");
        EXPECT_EQ(g.graph.value(made).shape, before);
        EXPECT_EQ(g.run({{x, kX}, {w, kW}, {bias, kBias}}, made), kSums);
      }
    }
  }
}

TEST(JoinBiases, TheGradientOfTheBiasComesWithTheWeights) {
  SmallGraph g;
  const ValueId x = g.input("x", {1, 2, 3});
  const ValueId w = g.weight("w", {2, 3}), bias = g.weight("bias", {2});
  g.output("y", g.b.add(layer(g, x, w), bias));
  graph::turn_weights(g.graph);
  graph::join_biases(g.graph);
  const ValueId y = g.graph.outputs[0].value;
  const std::vector<ValueId> wrt = {w, bias};
  const std::vector<ValueId> made =
      graph::gradient(g.graph, g.b.reduce_sum(y, {0, 1, 2}, false), wrt);
  g.output("dw", made[0]);
  g.output("dbias", made[1]);
  graph::remove_dead_nodes(g.graph);
  EXPECT_EQ(g.count("LinearGradWeights"), 1u);
  const Given given = {{x, kX}, {w, kW}, {bias, kBias}};
  EXPECT_EQ(g.run(given, made[0]), (Doubles{5, 7, 9, 5, 7, 9}));
  EXPECT_EQ(g.run(given, made[1]), (Doubles{2, 2}));
}

TEST(JoinBiases, NothingElseIsAdded) {
  SmallGraph g;
  const ValueId x = g.input("x", {2, 3}), w = g.input("w", {2, 3});
  const ValueId bias = g.input("bias", {2});
  const ValueId read_twice = layer(g, x, w);
  g.output("sum", g.b.add(read_twice, bias));
  g.output("square", g.b.mul(read_twice, read_twice));
  const ValueId given = g.b.op("MatMul", {x, g.input("v", {3, 2})});
  g.output("product", given);
  g.output("of the product", g.b.add(given, bias));
  g.output("column", g.b.add(layer(g, g.input("x2", {2, 3}), w), g.input("c", {2, 1})));
  g.output("number", g.b.add(layer(g, g.input("x3", {2, 3}), w), g.input("one", {1})));
  const ValueId folded = g.b.reshape(layer(g, g.input("x4", {2, 3}), w), {4, 1});
  g.output("folded", g.b.add(folded, bias));
  graph::join_biases(g.graph);
  EXPECT_EQ(g.count("Gemm"), 0u);
  EXPECT_EQ(g.count("Add"), 5u);
}

}  // namespace
}  // namespace temper::test
