// BatchNormalization by running statistics as part of the convolution before it: where it is one,
// where it stays, and the numbers of the closed form y = (conv(x) - mean) s / sqrt(var + eps) + b.
#include "graph/passes/fold_settled_norms.h"

#include <gtest/gtest.h>

#include "graph/ir/verify.h"
#include "graph/passes/settled_values.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

void fold(SmallGraph& g) {
  graph::fold_settled_norms(g.graph);
  verify(g.graph, "fold_settled_norms");
}

// Two channels: w = 2 and 4, epsilon 1, variance 3 and 8, so that the deviations are 2 and 3.
struct Net : SmallGraph {
  ValueId x = input("x", {1, 1, 1, 2});
  ValueId w = weight_of("w", {2, 1, 1, 1}, {2, 4});
  ValueId scale = weight_of("scale", {2}, {3, 9});
  ValueId shift = weight_of("shift", {2}, {1, 2});
  ValueId mean = weight_of("mean", {2}, {4, 1});
  ValueId variance = weight_of("variance", {2}, {3, 8});

  ValueId weight_of(const char* name, const Shape& shape, const Doubles& values) {
    const VariableId id = variable(name, shape);
    graph.variable(id).initial = Tensor::from<double>(DType::kFloat32, shape, values);
    return graph.read_variable(id);
  }
  ValueId norm(ValueId of) {
    return b.op("BatchNormalization", {of, scale, shift, mean, variance}, {{"epsilon", 1.0}});
  }
  Doubles y() const { return run({{x, {1, 10}}}, graph.outputs[0].value); }
};

TEST(FoldSettledNorms, TheConvolutionTakesTheNorm) {
  Net g;
  g.output("y", g.norm(g.b.op("Conv", {g.x, g.w})));
  fold(g);
  EXPECT_EQ(g.count("BatchNormalization"), 0u);
  // (2 x - 4) 3 / 2 + 1 and (4 x - 1) 9 / 3 + 2
  EXPECT_EQ(g.y(), (Doubles{-2, 25, 11, 119}));
}

TEST(FoldSettledNorms, WithItsBias) {
  Net g;
  const ValueId bias = g.weight_of("bias", {2}, {6, 3});
  g.output("y", g.norm(g.b.op("Conv", {g.x, g.w, bias})));
  fold(g);
  EXPECT_EQ(g.count("BatchNormalization"), 0u);
  // (2 x + 6 - 4) 3 / 2 + 1 and (4 x + 3 - 1) 9 / 3 + 2
  EXPECT_EQ(g.y(), (Doubles{7, 34, 20, 128}));
}

TEST(FoldSettledNorms, ASixteenBitWeightIsRoundedOnce) {
  Net g;
  // 257 has 9 bits, bfloat16 has 8; 257 * 3 / 2 rounds to 386 (from 385.5), 256 * 3 / 2 = 384.
  const ValueId w = g.weight_of("fine", {2, 1, 1, 1}, {257, 4});
  const ValueId low = g.b.cast(w, DType::kBFloat16);
  const ValueId y = g.norm(g.b.op("Conv", {g.b.cast(g.x, DType::kBFloat16), low}));
  g.output("y", g.b.cast(y, DType::kFloat32));
  fold(g);
  EXPECT_EQ(g.count("BatchNormalization"), 0u);
  EXPECT_EQ(g.run({}, g.graph.node(g.nodes("Conv")[0]).inputs[1]), (Doubles{386, 12}));
}

TEST(FoldSettledNorms, NotWhereTheGraphChangesWhatItIsMadeOf) {
  for (const int changed : {0, 1, 2, 3, 4}) {
    Net g;
    g.output("y", g.norm(g.b.op("Conv", {g.x, g.w})));
    const ValueId of[] = {g.w, g.scale, g.shift, g.mean, g.variance};
    const graph::Value value = g.graph.value(of[changed]);
    g.graph.add_update(
        {value.variable, g.b.neg(of[changed]), graph::UpdateBinding::Kind::kAttempt});
    fold(g);
    EXPECT_EQ(g.count("BatchNormalization"), 1u) << changed;
  }
}

TEST(FoldSettledNorms, NotWhereAnotherReadsTheConvolution) {
  Net g;
  const ValueId conv = g.b.op("Conv", {g.x, g.w});
  g.output("y", g.norm(conv));
  g.output("inner", conv);
  fold(g);
  EXPECT_EQ(g.count("BatchNormalization"), 1u);
}

TEST(FoldSettledNorms, NotBehindWhatTheInputDecides) {
  Net g;
  const ValueId w = g.input("given", {2, 1, 1, 1});
  g.output("y", g.norm(g.b.op("Conv", {g.x, w})));
  g.output("alone", g.norm(g.input("image", {1, 2, 1, 1})));
  fold(g);
  EXPECT_EQ(g.count("BatchNormalization"), 2u);
}

TEST(SettledValues, AreWhatNeitherInputsNorUpdatesNorChanceDecide) {
  SmallGraph g;
  const ValueId fixed = g.weight("fixed", {2}), trained = g.weight("trained", {2});
  const ValueId x = g.input("x", {2});
  const ValueId twice = g.b.add(fixed, g.constant({2}, {1, 2}));
  const ValueId moved = g.b.add(twice, trained);
  const ValueId given = g.b.add(twice, x);
  g.graph.add_update({g.graph.value(trained).variable, g.b.neg(trained)});
  const std::vector<bool> settled = graph::settled_values(g.graph);
  const auto at = [&](ValueId id) { return settled[static_cast<std::size_t>(id.index)]; };
  EXPECT_TRUE(at(fixed));
  EXPECT_TRUE(at(twice));
  EXPECT_FALSE(at(trained));
  EXPECT_FALSE(at(moved));
  EXPECT_FALSE(at(x));
  EXPECT_FALSE(at(given));
}

}  // namespace
}  // namespace temper::test
