#include "graph/ir/verify.h"

#include <gtest/gtest.h>

#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

// Verifies and expects kInternal with the pass's name and this text.
void expect_broken(const SmallGraph& g, const std::string& part) {
  expect_error(ErrorCode::kInternal, "after some_pass", [&] { verify(g.graph, "some_pass"); });
  expect_error(ErrorCode::kInternal, part, [&] { verify(g.graph, "some_pass"); });
}

TEST(Verify, TakesAGraphThatIsWhole) {
  SmallGraph g;
  const VariableId w = g.variable("w", {2});
  const ValueId y = g.b.add(g.graph.read_variable(w), g.input("x", {2}));
  g.output("y", y);
  g.graph.add_update({w, y});
  EXPECT_NO_THROW(verify(g.graph, "some_pass"));
}

TEST(Verify, FindsAReaderOfARemovedNode) {
  SmallGraph g;
  const ValueId y = g.b.neg(g.input("x", {2}));
  g.b.set_origin("Neg 'reader'");
  g.output("z", g.b.neg(y));
  g.graph.remove_node(g.graph.value(y).producer);
  expect_broken(g, "Neg 'reader' reads value");
}

TEST(Verify, FindsAnOutputOfARemovedNode) {
  SmallGraph g;
  const ValueId y = g.b.neg(g.input("x", {2}));
  g.output("y", y);
  g.graph.remove_node(g.graph.value(y).producer);
  expect_broken(g, "y reads value");
}

TEST(Verify, FindsAValueWithoutAType) {
  SmallGraph g;
  const NodeId id =
      g.graph.add_node(g.graph.registry().get("Neg"), {g.input("x", {2})}, {"y"}, {}, "Neg 'n'");
  g.output("y", g.graph.node(id).outputs[0]);
  expect_broken(g, "has no type");
}

TEST(Verify, FindsAnUpdateThatDoesNotFitItsVariable) {
  SmallGraph g;
  g.graph.add_update({g.variable("w", {3}), g.b.neg(g.input("x", {2}))});
  expect_broken(g, "w is f32[3]");
}

TEST(Verify, FindsACycle) {
  SmallGraph g;
  const ValueId a = g.b.neg(g.input("x", {2}));
  const ValueId b = g.b.neg(a);
  g.graph.node(g.graph.value(a).producer).inputs[0] = b;
  expect_broken(g, "cycle");
}

TEST(Verify, FindsAProducerThatNoLongerMakesTheValue) {
  SmallGraph g;
  const ValueId a = g.b.neg(g.input("x", {2}));
  const ValueId b = g.b.neg(g.input("z", {2}));
  g.output("a", a);
  g.graph.node(g.graph.value(a).producer).outputs[0] = b;
  expect_broken(g, "disagree");
}

}  // namespace
}  // namespace temper::test
