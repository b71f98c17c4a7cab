#include "graph/passes/widen_weight_gradients.h"

#include <gtest/gtest.h>

#include "graph/ir/verify.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

constexpr DType kLow = DType::kBFloat16;

// The weight gradient (and the bias's) of 16-bit x and dy.
std::vector<ValueId> gradients(SmallGraph& g, bool bias) {
  const ValueId x = g.input("x", {2, 3}, kLow), dy = g.input("dy", {2, 4}, kLow);
  return g.b.ops("LinearGradWeights", {x, dy}, 2, {}, {true, bias});
}

void widen(SmallGraph& g) {
  graph::widen_weight_gradients(g.graph);
  verify(g.graph, "widen_weight_gradients");
}

TEST(WidenWeightGradients, GivesFloat32WhereBothOutputsAreOnlyCastToIt) {
  SmallGraph g;
  const std::vector<ValueId> made = gradients(g, true);
  g.output("dw", g.b.neg(g.b.cast(made[0], DType::kFloat32)));
  g.output("db", g.b.neg(g.b.cast(made[1], DType::kFloat32)));
  widen(g);
  EXPECT_EQ(g.b.dtype(made[0]), DType::kFloat32);
  EXPECT_EQ(g.b.dtype(made[1]), DType::kFloat32);
  EXPECT_EQ(g.count("Cast"), 0u);
}

TEST(WidenWeightGradients, NotWhereOneOutputIsReadIn16Bits) {
  SmallGraph g;
  const std::vector<ValueId> made = gradients(g, true);
  g.output("dw", g.b.neg(g.b.cast(made[0], DType::kFloat32)));
  g.output("db", g.b.neg(made[1]));
  widen(g);
  EXPECT_EQ(g.b.dtype(made[0]), kLow);
  EXPECT_EQ(g.count("Cast"), 1u);
}

TEST(WidenWeightGradients, NotWhereTheGraphGivesThe16Bits) {
  SmallGraph g;
  const ValueId made = gradients(g, false)[0];
  g.output("wide", g.b.cast(made, DType::kFloat32));
  g.output("low", made);
  widen(g);
  EXPECT_EQ(g.b.dtype(made), kLow);
}

TEST(WidenWeightGradients, NotACastToAnotherType) {
  SmallGraph g;
  g.output("dw", g.b.cast(gradients(g, false)[0], DType::kFloat64));
  widen(g);
  EXPECT_EQ(g.count("Cast"), 1u);
}

// A product's own result is rounded to 16 bits on purpose: that is what its layer computes.
TEST(WidenWeightGradients, NotOtherProducts) {
  SmallGraph g;
  const ValueId y = g.b.op("MatMul", {g.input("a", {2, 3}, kLow), g.input("b", {3, 4}, kLow)});
  g.output("y", g.b.cast(y, DType::kFloat32));
  widen(g);
  EXPECT_EQ(g.b.dtype(y), kLow);
  EXPECT_EQ(g.count("Cast"), 1u);
}

}  // namespace
}  // namespace temper::test
