#include "graph/passes/fuse_elementwise.h"

#include <gtest/gtest.h>

#include "graph/autodiff/gradient.h"
#include "graph/ir/verify.h"
#include "graph/passes/cleanup.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

void fuse(SmallGraph& g) {
  graph::fuse_elementwise(g.graph);
  verify(g.graph, "fuse_elementwise");
}

TEST(FuseElementwise, AChainBecomesOneNodeOfTheSameValue) {
  SmallGraph g;
  const ValueId x = g.input("x", {2, 2});
  const ValueId y = g.b.mul(g.b.op("Tanh", {g.b.add(x, g.constant({2}, {1, -1}))}), x);
  g.graph.value(y).name = "named";
  g.output("y", y);
  const Doubles before = g.run({{x, {0, 1, 2, 3}}}, y);
  fuse(g);
  EXPECT_EQ(g.count("FusedElementwise"), 1u);
  EXPECT_EQ(g.count("Add") + g.count("Tanh") + g.count("Mul"), 0u);
  EXPECT_EQ(g.graph.outputs[0].value, y);
  EXPECT_EQ(g.graph.value(y).name, "named");
  EXPECT_EQ(g.run({{x, {0, 1, 2, 3}}}, y), before);
}

TEST(FuseElementwise, WhatOthersReadStaysAValue) {
  SmallGraph g;
  const ValueId x = g.input("x", {3});
  const ValueId inner = g.b.op("Exp", {x});
  g.output("inner", inner);
  g.output("y", g.b.neg(g.b.mul(inner, x)));
  fuse(g);
  EXPECT_EQ(g.count("Exp"), 1u);
  EXPECT_EQ(g.count("FusedElementwise"), 1u);
  EXPECT_EQ(g.run({{x, {1, 0, 2}}}, g.graph.outputs[1].value).at(1), 0);
}

TEST(FuseElementwise, AValueReadTwiceWithinTheChainIsComputedOnce) {
  SmallGraph g;
  const ValueId x = g.input("x", {2});
  const ValueId inner = g.b.add(x, x);
  g.output("y", g.b.mul(inner, g.b.neg(inner)));
  fuse(g);
  const graph::Node& node = g.producer(g.graph.outputs[0].value);
  EXPECT_EQ(node.inputs, std::vector{x});
  EXPECT_EQ(expression_of(node.attrs).code.size(), 3u);
  EXPECT_EQ(g.run({{x, {1, 3}}}, g.graph.outputs[0].value), (Doubles{-4, -36}));
}

TEST(FuseElementwise, ConstantNumbersArePartOfTheProgram) {
  SmallGraph g;
  const ValueId x = g.input("x", {2});
  g.output("y", g.b.add(g.b.scale(x, 3), g.b.scalar(DType::kFloat32, 1)));
  fuse(g);
  EXPECT_EQ(g.producer(g.graph.outputs[0].value).inputs, std::vector{x});
  EXPECT_EQ(g.run({{x, {1, 2}}}, g.graph.outputs[0].value), (Doubles{4, 7}));
}

TEST(FuseElementwise, ConstantsThatGiveTheShapeStayInputs) {
  SmallGraph g;
  const ValueId x = g.input("x", {2});
  g.output("y", g.b.neg(g.b.add(x, g.constant({1, 1}, {1}))));
  fuse(g);
  EXPECT_EQ(g.graph.value(g.graph.outputs[0].value).shape, (Shape{1, 2}));
  EXPECT_EQ(g.run({{x, {1, 2}}}, g.graph.outputs[0].value), (Doubles{-2, -3}));
}

TEST(FuseElementwise, ValuesOfAnotherShapeAreInputs) {
  SmallGraph g;
  const ValueId x = g.input("x", {2, 1}), wide = g.input("wide", {2, 2});
  g.output("y", g.b.neg(g.b.mul(wide, g.b.op("Exp", {g.b.neg(x)}))));
  fuse(g);
  EXPECT_EQ(g.count("FusedElementwise"), 2u);
  EXPECT_EQ(g.run({{x, {0, 0}}, {wide, {1, 2, 3, 4}}}, g.graph.outputs[0].value),
            (Doubles{-1, -2, -3, -4}));
}

TEST(FuseElementwise, TwoChainsComputeWhatBothReadFromOneTensor) {
  SmallGraph g;
  const ValueId x = g.input("x", {2}), other = g.input("other", {2});
  const ValueId shared = g.b.op("Sigmoid", {g.b.scale(x, 2)});
  g.output("y", g.b.neg(g.b.mul(shared, x)));
  g.output("z", g.b.neg(g.b.mul(shared, other)));
  fuse(g);
  EXPECT_EQ(g.count("FusedElementwise"), 2u);
  EXPECT_EQ(g.count("Sigmoid") + g.count("Mul") + g.count("Neg"), 0u);
  EXPECT_EQ(g.producer(g.graph.outputs[1].value).inputs, (std::vector{x, other}));
  EXPECT_EQ(g.run({{x, {0, 0}}, {other, {2, 4}}}, g.graph.outputs[1].value), (Doubles{-1, -2}));
}

TEST(FuseElementwise, WhatTwoChainsReadFromTwoTensorsIsComputedOnce) {
  SmallGraph g;
  const ValueId x = g.input("x", {2}), other = g.input("other", {2});
  const ValueId shared = g.b.add(x, other);
  g.output("y", g.b.neg(g.b.mul(shared, x)));
  g.output("z", g.b.neg(g.b.mul(shared, other)));
  fuse(g);
  EXPECT_EQ(g.count("FusedElementwise"), 2u);
  EXPECT_EQ(g.count("Add"), 1u);
}

Doubles numbers(std::size_t count, double from, double step) {
  Doubles made;
  for (std::size_t i = 0; i < count; ++i) {
    made.push_back(from + step * static_cast<double>(i));
  }
  return made;
}

TEST(FuseElementwise, ChainsOf16BitsHaveTheBitsOfTheirOpsAlone) {
  for (const DType low : {DType::kBFloat16, DType::kFloat16}) {
    SmallGraph g;
    const Shape shape{500};
    const ValueId x = g.input("x", shape, low), z = g.input("z", shape, low);
    const ValueId inner = g.b.mul(g.b.op("Tanh", {g.b.mul(x, z)}), g.b.add(x, z));
    const ValueId y = g.b.op("Gelu", {g.b.sub(inner, g.constant({}, {0.3}, low))});
    g.output("y", y);
    const std::vector<std::pair<ValueId, Doubles>> given = {{x, numbers(500, -2, 0.0083)},
                                                            {z, numbers(500, 3, -0.011)}};
    const Doubles before = g.run(given, y);
    fuse(g);
    EXPECT_EQ(g.count("FusedElementwise"), 1u);
    EXPECT_EQ(g.count("Mul") + g.count("Tanh") + g.count("Add") + g.count("Gelu"), 0u);
    EXPECT_EQ(g.graph.value(y).dtype, low);
    EXPECT_EQ(g.run(given, y), before) << to_string(low);
  }
}

// As mixed precision writes them: down for the next product, up for what stays in f32.
TEST(FuseElementwise, CastsAreRoundingsWithinAChain) {
  for (const DType low : {DType::kBFloat16, DType::kFloat16}) {
    SmallGraph g;
    const Shape shape{300};
    const ValueId x = g.input("x", shape, low), wide = g.input("wide", shape);
    const ValueId up = g.b.cast(g.b.add(x, x), DType::kFloat32);
    const ValueId down = g.b.cast(g.b.mul(up, wide), low);
    const ValueId y = g.b.add(g.b.cast(g.b.mul(down, x), DType::kFloat32), wide);
    const ValueId narrow = g.b.cast(g.b.neg(g.b.mul(wide, wide)), low);
    const ValueId same = g.b.cast(g.b.cast(g.b.neg(wide), low), DType::kFloat32);
    for (const ValueId output : {y, narrow, same}) {
      g.output("", output);
    }
    const std::vector<std::pair<ValueId, Doubles>> given = {{x, numbers(300, -2, 0.013)},
                                                            {wide, numbers(300, 1, 0.0037)}};
    const Doubles before = g.run(given, y), before_narrow = g.run(given, narrow),
                  before_same = g.run(given, same);
    fuse(g);
    EXPECT_EQ(g.count("FusedElementwise"), 3u);
    EXPECT_EQ(g.count("Cast"), 0u);
    EXPECT_EQ(g.graph.value(narrow).dtype, low);
    EXPECT_EQ(g.graph.value(same).dtype, DType::kFloat32);
    EXPECT_EQ(g.run(given, y), before) << to_string(low);
    EXPECT_EQ(g.run(given, narrow), before_narrow) << to_string(low);
    EXPECT_EQ(g.run(given, same), before_same) << to_string(low);
  }
}

// What is kept for the gradient is kept in 16 bits.
TEST(FuseElementwise, ACastToLessBytesIsNotMadeTwice) {
  SmallGraph g;
  const ValueId x = g.input("x", {2}), z = g.input("z", {2}, DType::kBFloat16);
  const ValueId low = g.b.cast(x, DType::kBFloat16);
  g.output("y", g.b.neg(g.b.mul(low, low)));
  g.output("z", g.b.neg(g.b.mul(low, z)));
  fuse(g);
  EXPECT_EQ(g.count("Cast"), 1u);
  EXPECT_EQ(g.count("FusedElementwise"), 2u);
}

TEST(FuseElementwise, AChoiceBetweenNumbersIsOfTheirType) {
  SmallGraph g;
  const ValueId c = g.input("c", {2}, DType::kBool);
  const ValueId one = g.b.scalar(DType::kFloat32, 1), two = g.b.scalar(DType::kFloat32, 2);
  const ValueId y = g.b.neg(g.b.op("Where", {c, one, two}));
  g.output("y", y);
  fuse(g);
  EXPECT_EQ(g.count("FusedElementwise"), 1u);
  EXPECT_EQ(g.run({{c, {1, 0}}}, y), (Doubles{-1, -2}));
}

TEST(FuseElementwise, OtherTypesThanFloatsOf32And16BitsStayAsTheyAre) {
  SmallGraph g;
  g.output("y", g.b.neg(g.b.neg(g.input("x", {2}, DType::kFloat64))));
  g.output("z", g.b.neg(g.b.neg(g.input("i", {2}, DType::kInt32))));
  fuse(g);
  EXPECT_EQ(g.count("Neg"), 4u);
}

TEST(FuseElementwise, LongChainsAreCutAndGiveTheSame) {
  SmallGraph g;
  const ValueId x = g.input("x", {2});
  ValueId y = x;
  for (int i = 0; i < 50; ++i) {
    y = g.b.add(g.b.neg(y), x);
  }
  g.output("y", y);
  fuse(g);
  EXPECT_GE(g.count("FusedElementwise"), 6u);
  EXPECT_EQ(g.count("Add") + g.count("Neg"), 0u);
  EXPECT_EQ(g.run({{x, {1, 2}}}, y), (Doubles{1, 2}));
}

TEST(FuseElementwise, GradientChainsAreFusedToo) {
  SmallGraph g;
  const ValueId x = g.input("x", {4});
  const ValueId y = g.b.mul(x, g.b.op("Sigmoid", {x}));
  const ValueId loss = g.b.reduce_sum(y, {0}, false);
  const std::vector<ValueId> wrt{x};
  const ValueId dx = graph::gradient(g.graph, loss, wrt).front();
  g.output("dx", dx);
  const Doubles before = g.run({{x, {-1, 0, 1, 2}}}, dx);
  graph::remove_dead_nodes(g.graph);
  fuse(g);
  EXPECT_GE(g.count("FusedElementwise"), 1u);
  EXPECT_EQ(g.run({{x, {-1, 0, 1, 2}}}, dx), before);
}

}  // namespace
}  // namespace temper::test
