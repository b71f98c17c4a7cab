#include "graph/passes/pick_early.h"

#include <gtest/gtest.h>

#include <numeric>

#include "graph/autodiff/gradient.h"
#include "graph/ir/verify.h"
#include "graph/passes/cleanup.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

ValueId whole(SmallGraph& g, ValueId x, std::int64_t axis) {
  const std::int64_t end = g.b.shape(x)[static_cast<int>(axis)];
  return g.b.op("Slice", {x},
                {{"starts", std::vector<std::int64_t>{0}},
                 {"ends", std::vector<std::int64_t>{end}},
                 {"axes", std::vector<std::int64_t>{axis}},
                 {"steps", std::vector<std::int64_t>{1}}});
}

ValueId pick(SmallGraph& g, ValueId x, std::int64_t axis, double place) {
  return g.b.op("Gather", {x, g.constant({}, {place}, DType::kInt64)}, {{"axis", axis}});
}

// The last step of a recurrent layer's y [steps, directions, batch, hidden] as PyTorch's exporter
// writes it.
ValueId last_step(SmallGraph& g, ValueId y) {
  const Shape shape = g.b.shape(y);
  const ValueId joined =
      g.b.reshape(g.b.transpose(y, {0, 2, 1, 3}), {shape[0], shape[2], shape[1] * shape[3]});
  return pick(g, whole(g, g.b.transpose(joined, {1, 0, 2}), 0), 1, -1);
}

Doubles counted(std::size_t n) {
  Doubles numbers(n);
  std::iota(numbers.begin(), numbers.end(), 1.0);
  return numbers;
}

TEST(PickEarly, OnlyTheLastStepOfARecurrentLayerMoves) {
  SmallGraph g;
  const ValueId y = g.input("y", {3, 2, 2, 2});
  const ValueId last = last_step(g, y);
  g.graph.value(last).name = "last";
  g.output("last", g.b.mul(last, last));
  graph::pick_early(g.graph);
  graph::remove_dead_nodes(g.graph);
  verify(g.graph, "pick_early");
  EXPECT_EQ(g.count("Slice"), 0u);
  ASSERT_EQ(g.count("Gather"), 1u);
  EXPECT_EQ(g.graph.node(g.nodes("Gather")[0]).inputs[0], y);
  EXPECT_EQ(g.count("Transpose"), 1u);
  // Of step 2: both directions' units of sample 0, then of sample 1.
  EXPECT_EQ(g.run({{y, counted(24)}}, g.graph.outputs[0].value),
            (Doubles{17 * 17, 18 * 18, 21 * 21, 22 * 22, 19 * 19, 20 * 20, 23 * 23, 24 * 24}));
}

TEST(PickEarly, SoDoesItsGradient) {
  SmallGraph g;
  const ValueId y = g.weight("y", {2, 1, 2, 2});
  const ValueId last = last_step(g, y);
  g.output("last", last);
  graph::pick_early(g.graph);
  const ValueId made = g.graph.outputs[0].value;
  const std::vector<ValueId> wrt = {y};
  const ValueId dy =
      graph::gradient(g.graph, g.b.reduce_sum(g.b.mul(made, made), {0, 1}, false), wrt)[0];
  EXPECT_EQ(g.run({{y, counted(8)}}, dy), (Doubles{0, 0, 0, 0, 10, 12, 14, 16}));
}

TEST(PickEarly, WhatOthersReadOrWhatIsNoAxisStays) {
  SmallGraph g;
  const ValueId x = g.input("x", {2, 3, 4});
  const ValueId read = g.b.transpose(x, {2, 0, 1});
  g.output("read", g.b.mul(read, read));
  g.output("of it", pick(g, read, 0, 1));
  const ValueId folded = g.b.reshape(g.input("f", {2, 3, 4}), {6, 4});
  g.output("a row", pick(g, folded, 0, 5));
  const ValueId reversed = g.b.op("Slice", {g.input("r", {2, 3})},
                                  {{"starts", std::vector<std::int64_t>{2}},
                                   {"ends", std::vector<std::int64_t>{-4}},
                                   {"axes", std::vector<std::int64_t>{1}},
                                   {"steps", std::vector<std::int64_t>{-1}}});
  g.output("reversed", g.b.mul(reversed, reversed));
  const int nodes = g.graph.node_count();
  graph::pick_early(g.graph);
  EXPECT_EQ(g.graph.node_count(), nodes);
  EXPECT_EQ(g.count("Slice"), 1u);
  EXPECT_EQ(g.count("Gather"), 2u);
}

}  // namespace
}  // namespace temper::test
