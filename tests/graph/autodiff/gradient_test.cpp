// What the driver does for every rule: accumulation, broadcast axes, what is not asked for. Rules
// themselves are checked by the op suite.
#include "graph/autodiff/gradient.h"

#include <gtest/gtest.h>

#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

ValueId total(SmallGraph& g, ValueId value) {
  std::vector<std::int64_t> axes;
  for (int axis = 0; axis < g.b.shape(value).rank(); ++axis) {
    axes.push_back(axis);
  }
  return g.b.reduce_sum(value, axes, false);
}

std::vector<ValueId> gradient(SmallGraph& g, ValueId y, const std::vector<ValueId>& wrt) {
  return graph::gradient(g.graph, y, wrt);
}

TEST(Gradient, SumsOverAllUsesOfAValue) {
  SmallGraph g;
  const ValueId x = g.input("x", {2});
  const ValueId y = total(g, g.b.add(g.b.mul(x, x), g.b.scale(x, 3)));
  const ValueId dx = gradient(g, y, {x})[0];
  EXPECT_EQ(g.run({{x, {1, -2}}}, dx), (Doubles{5, -1}));
}

TEST(Gradient, SumsBroadcastAxesAway) {
  SmallGraph g;
  const ValueId x = g.input("x", {2, 3}), row = g.input("row", {3}), column = g.input("c", {2, 1});
  const ValueId y = total(g, g.b.mul(g.b.mul(x, row), column));
  const std::vector<ValueId> grads = gradient(g, y, {row, column});
  EXPECT_EQ(g.b.shape(grads[0]), (Shape{3}));
  EXPECT_EQ(g.b.shape(grads[1]), (Shape{2, 1}));
  const std::vector<std::pair<ValueId, Doubles>> given = {
      {x, {1, 2, 3, 4, 5, 6}}, {row, {1, 10, 100}}, {column, {1, 2}}};
  EXPECT_EQ(g.run(given, grads[0]), (Doubles{9, 12, 15}));
  EXPECT_EQ(g.run(given, grads[1]), (Doubles{321, 654}));
}

TEST(Gradient, ComputesNothingThatNobodyAskedFor) {
  SmallGraph g;
  const ValueId x = g.input("x", {4, 2});
  const ValueId first = g.weight("first", {2, 3}), second = g.weight("second", {3, 1});
  const ValueId y = total(g, g.b.op("MatMul", {g.b.op("MatMul", {x, first}), second}));
  const ValueId d = gradient(g, y, {second})[0];
  g.output("d", d);
  // The weight gradient of the second layer alone: no product that leads to its input.
  EXPECT_EQ(g.count("LinearGradWeights"), 1u);
  EXPECT_EQ(g.count("Gemm"), 0u);
}

TEST(Gradient, IsZeroWhereTheLossDoesNotDepend) {
  SmallGraph g;
  const ValueId x = g.input("x", {2}), other = g.input("other", {3});
  const ValueId dother = gradient(g, total(g, x), {other})[0];
  EXPECT_EQ(g.run({{x, {1, 2}}, {other, {1, 2, 3}}}, dother), (Doubles{0, 0, 0}));
}

TEST(Gradient, StopsAtOpsThatHaveNoneOnPurpose) {
  SmallGraph g;
  const ValueId x = g.input("x", {2});
  const ValueId y = total(g, g.b.mul(x, g.b.op("StopGradient", {x})));
  EXPECT_EQ(g.run({{x, {3, 5}}}, gradient(g, y, {x})[0]), (Doubles{3, 5}));
}

TEST(Gradient, StartsFromTheGradientGiven) {
  SmallGraph g;
  const ValueId x = g.input("x", {2}), dy = g.input("dy", {2});
  const ValueId y = g.b.mul(x, x);
  const std::vector<ValueId> wrt = {x};
  const ValueId dx = graph::gradient(g.graph, y, wrt, dy)[0];
  EXPECT_EQ(g.run({{x, {1, 2}}, {dy, {10, 100}}}, dx), (Doubles{20, 400}));
}

TEST(Gradient, OfAValueThatIsNoScalarIsRefused) {
  SmallGraph g;
  const ValueId x = g.input("x", {2});
  expect_error(ErrorCode::kInvalidArgument, "a loss must be a scalar",
               [&] { gradient(g, g.b.neg(x), {x}); });
}

TEST(Gradient, NamesEveryNodeWithoutARule) {
  graph::OpRegistry ops;
  ops.add("Sealed").infer([](graph::InferContext& c) { c.set_output(0, c.dtype(0), c.shape(0)); });
  Graph sealed(ops);
  const ValueId x = sealed.add_input("x", DType::kFloat32, Shape{});
  const ValueId first = graph::Builder(sealed, "Sealed 'first'").op("Sealed", {x});
  const ValueId second = graph::Builder(sealed, "Sealed 'second'").op("Sealed", {first});
  expect_error(ErrorCode::kUnsupported, "no gradient for: Sealed 'second', Sealed 'first'",
               [&] { graph::gradient(sealed, second, std::vector<ValueId>{x}); });
}

// x^3 differentiated twice: 6 x, through nodes that the first gradient made.
TEST(Gradient, DifferentiatesWhatAnotherGradientMade) {
  SmallGraph g;
  const ValueId x = g.input("x", {2});
  const ValueId dx = gradient(g, total(g, g.b.mul(x, g.b.mul(x, x))), {x})[0];
  EXPECT_EQ(g.run({{x, {1, 2}}}, dx), (Doubles{3, 12}));
  EXPECT_EQ(g.run({{x, {1, 2}}}, gradient(g, total(g, dx), {x})[0]), (Doubles{6, 12}));
}

// x [1,1,2,4] in two windows of 2 x 2; the second has no element above 0.
TEST(Gradient, OfARectifierBehindAPoolingIsMaskedWherePooled) {
  SmallGraph g;
  const ValueId x = g.input("x", {1, 1, 2, 4}), factor = g.input("factor", {1, 1, 1, 2});
  const ValueId y = g.b.op("Relu", {x});
  const ValueId pooled = g.b.op("MaxPool", {y},
                                {{"kernel_shape", std::vector<std::int64_t>{2, 2}},
                                 {"strides", std::vector<std::int64_t>{2, 2}}});
  const ValueId dx = gradient(g, total(g, g.b.mul(pooled, factor)), {x})[0];
  const std::vector<std::pair<ValueId, Doubles>> given = {{x, {1, -2, -1, -5, 3, 2, -4, 0}},
                                                          {factor, {10, 100}}};
  EXPECT_EQ(g.run(given, dx), (Doubles{0, 0, 0, 0, 10, 0, 0, 0}));
  const auto& producer = g.graph.node(g.graph.value(dx).producer);
  EXPECT_EQ(producer.op->name(), "MaxPoolGrad");
  EXPECT_EQ(g.b.shape(producer.inputs[0]), (Shape{1, 1, 1, 2}));
}

// What else reads the rectified values has a gradient of its own.
TEST(Gradient, OfARectifierThatIsNotOnlyPooledIsMaskedItself) {
  SmallGraph g;
  const ValueId x = g.input("x", {1, 1, 2, 4});
  const ValueId y = g.b.op("Relu", {x});
  const ValueId pooled = g.b.op("MaxPool", {y},
                                {{"kernel_shape", std::vector<std::int64_t>{2, 2}},
                                 {"strides", std::vector<std::int64_t>{2, 2}}});
  const ValueId dx = gradient(g, g.b.add(total(g, pooled), total(g, g.b.mul(y, y))), {x})[0];
  EXPECT_EQ(g.run({{x, {1, -2, -1, -5, 3, 2, -4, 0}}}, dx), (Doubles{2, 0, 0, 0, 7, 4, 0, 0}));
}

}  // namespace
}  // namespace temper::test
