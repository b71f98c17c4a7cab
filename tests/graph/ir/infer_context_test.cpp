#include "graph/ir/infer_context.h"

#include <gtest/gtest.h>

#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

using graph::InferContext;
using Ints = std::vector<std::int64_t>;

// A node with these inputs, not inferred.
NodeId raw(SmallGraph& g, const char* op, std::vector<ValueId> inputs, Attrs attrs = {}) {
  return g.graph.add_node(g.graph.registry().get(op), std::move(inputs), {"y"}, std::move(attrs),
                          "It 'here'");
}

TEST(InferContext, TakesNumbersFromAnAttributeOrAConstantInputAndLetsTheInputGo) {
  SmallGraph g;
  const ValueId x = g.input("x", {4});
  const ValueId shape = g.constant({2}, {2, 2}, DType::kInt64);
  const NodeId by_input = raw(g, "Reshape", {x, shape});
  InferContext c(g.graph, by_input);
  EXPECT_EQ(c.take_ints("shape", 1), (Ints{2, 2}));
  EXPECT_EQ(c.attrs().get_ints("shape"), (Ints{2, 2}));
  EXPECT_FALSE(c.has_input(1));
  const NodeId by_attribute = raw(g, "Reshape", {x}, {{"shape", Ints{1, 4}}});
  EXPECT_EQ(InferContext(g.graph, by_attribute).take_ints("shape", 1), (Ints{1, 4}));
  EXPECT_FALSE(InferContext(g.graph, raw(g, "Reshape", {x})).take_ints("shape", 1).has_value());
}

TEST(InferContext, RefusesNumbersComputedFromData) {
  SmallGraph g;
  const NodeId id = raw(g, "Clip", {g.input("x", {4}), g.input("low", {})});
  InferContext c(g.graph, id);
  expect_error(ErrorCode::kUnsupported, "computed from data", [&] { c.take_number("min", 1); });
  EXPECT_FALSE(c.take_number("min", 1, true).has_value());
  EXPECT_TRUE(c.has_input(1));  // it stays
}

TEST(InferContext, MakesAxesPositiveSortedAndUnique) {
  SmallGraph g;
  const NodeId id = raw(g, "Softmax", {g.input("x", {2, 3, 4})}, {{"axis", std::int64_t{-1}}});
  InferContext c(g.graph, id);
  EXPECT_EQ(c.axis("axis", 0, 3), 2);
  EXPECT_EQ(c.attrs().get_int("axis", 0), 2);
  EXPECT_EQ(c.axis("other", -2, 3), 1);
  EXPECT_EQ(c.normalise_axes({-1, 0}, 3), (Ints{0, 2}));
  expect_error(ErrorCode::kInvalidModel, "twice", [&] { c.normalise_axes({2, -1}, 3); });
  expect_error(ErrorCode::kInvalidModel, "out of range", [&] { c.normalise_axis(3, 3); });
}

TEST(InferContext, ChecksTypesOfInputsThatAreThere) {
  SmallGraph g;
  const ValueId x = g.input("x", {2}), i = g.input("i", {2}, DType::kInt64);
  InferContext c(g.graph, raw(g, "Where", {x, ValueId{}, i}));
  EXPECT_NO_THROW(c.require_same_dtype({0, 1}));
  expect_error(ErrorCode::kInvalidModel, "inputs 0 and 2",
               [&] { c.require_same_dtype({0, 1, 2}); });
  expect_error(ErrorCode::kInvalidModel, "input 1 is missing", [&] { c.shape(1); });
}

TEST(InferNode, ChecksHowManyInputsAndOutputsThereAreAndNamesTheNode) {
  SmallGraph g;
  const ValueId x = g.input("x", {2});
  expect_error(ErrorCode::kInvalidModel, "Neg has 2 inputs",
               [&] { graph::infer_node(g.graph, raw(g, "Neg", {x, x})); });
  expect_error(ErrorCode::kInvalidModel, "It 'here'",
               [&] { graph::infer_node(g.graph, raw(g, "Neg", {x, x})); });
}

TEST(InferNode, RefusesAnOutputThatWouldBeTooLarge) {
  SmallGraph g;
  const std::int64_t big = std::int64_t{1} << 40;
  const ValueId x = g.input("x", {1});
  EXPECT_THROW(g.b.expand(x, {big, big, 1}), Error);
}

}  // namespace
}  // namespace temper::test
