#include "graph/ir/builder.h"

#include <gtest/gtest.h>

#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

TEST(Builder, InfersWhatItMakesAndNamesItsOrigin) {
  SmallGraph g;
  const ValueId y = g.b.add(g.input("a", {2, 3}), g.input("b", {3}));
  EXPECT_EQ(g.b.shape(y), (Shape{2, 3}));
  EXPECT_EQ(g.b.dtype(y), DType::kFloat32);
  EXPECT_EQ(g.producer(y).origin, "test");
}

TEST(Builder, LeavesOutOutputsNobodyWants) {
  SmallGraph g;
  const std::vector<ValueId> parts =
      g.b.ops("Split", {g.input("x", {6})}, 3, {{"axis", std::int64_t{0}}}, {true, false, true});
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_TRUE(parts[0].valid());
  EXPECT_FALSE(parts[1].valid());
  EXPECT_EQ(g.b.shape(parts[2]), (Shape{2}));
}

TEST(Builder, MakesNoNodeWhereNothingChanges) {
  SmallGraph g;
  const ValueId x = g.input("x", {2, 3});
  EXPECT_EQ(g.b.reshape(x, {2, 3}), x);
  EXPECT_EQ(g.b.expand(x, {2, 3}), x);
  EXPECT_EQ(g.b.cast(x, DType::kFloat32), x);
  EXPECT_EQ(g.b.sum_to(x, {2, 3}), x);
  EXPECT_EQ(g.graph.node_count(), 0);
}

TEST(Builder, SumsBroadcastAxesAway) {
  SmallGraph g;
  const ValueId x = g.input("x", {2, 2, 3});
  const ValueId y = g.b.sum_to(x, {2, 1});
  EXPECT_EQ(g.b.shape(y), (Shape{2, 1}));
  EXPECT_EQ(g.run({{x, {1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60}}}, y), (Doubles{66, 165}));
}

TEST(Builder, SaysWhichNodeDoesNotFit) {
  SmallGraph g;
  g.b.set_origin("Add 'bad'");
  const ValueId a = g.input("a", {2}), b = g.input("b", {3});
  expect_error(ErrorCode::kInvalidModel, "Add 'bad'", [&] { g.b.add(a, b); });
}

}  // namespace
}  // namespace temper::test
