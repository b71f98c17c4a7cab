#include "graph/passes/join_slices.h"

#include <gtest/gtest.h>

#include "graph/ir/verify.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

void join(SmallGraph& g) {
  graph::join_slices(g.graph);
  verify(g.graph, "join_slices");
}

TEST(JoinSlices, PartsOfAWholeAreOneSplit) {
  SmallGraph g;
  const ValueId x = g.input("x", {2, 5});
  g.output("c", g.b.slice(x, 1, 3, 5));
  g.output("a", g.b.slice(x, 1, 0, 1));
  g.output("b", g.b.slice(x, 1, 1, 3));
  join(g);
  EXPECT_EQ(g.count("Slice"), 0u);
  EXPECT_EQ(g.count("Split"), 1u);
  const std::vector<std::pair<ValueId, Doubles>> given = {{x, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}};
  EXPECT_EQ(g.run(given, g.graph.outputs[0].value), (Doubles{3, 4, 8, 9}));
  EXPECT_EQ(g.run(given, g.graph.outputs[1].value), (Doubles{0, 5}));
  EXPECT_EQ(g.run(given, g.graph.outputs[2].value), (Doubles{1, 2, 6, 7}));
}

TEST(JoinSlices, NotWhereAPartIsMissingOrTakenTwice) {
  SmallGraph g;
  const ValueId x = g.input("x", {2, 5}), y = g.input("y", {2, 5});
  g.output("a", g.b.slice(x, 1, 0, 2));
  g.output("b", g.b.slice(x, 1, 3, 5));
  g.output("c", g.b.slice(y, 1, 0, 3));
  g.output("d", g.b.slice(y, 1, 2, 5));
  join(g);
  EXPECT_EQ(g.count("Slice"), 4u);
}

TEST(JoinSlices, NotAcrossAxesOrWithSteps) {
  SmallGraph g;
  const ValueId x = g.input("x", {2, 2}), y = g.input("y", {4});
  g.output("a", g.b.slice(x, 0, 0, 1));
  g.output("b", g.b.slice(x, 1, 1, 2));
  g.output("c", g.b.slice(y, 0, 0, 4, 2));
  g.output("d", g.b.slice(y, 0, 1, 4, 2));
  join(g);
  EXPECT_EQ(g.count("Slice"), 4u);
}

}  // namespace
}  // namespace temper::test
