// Where a plan's values lie: lives, memory handed on in place, the flat block of gradients.
#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/base/alignment.h"
#include "tests/graph/lowering/wishing_backend.h"

namespace temper::test {
namespace {

using Kind = Location::Kind;

// Elements of a value whose block is a whole number of alignments, and too large to be read with
// the small outputs of a step.
constexpr std::int64_t kCount = 128;
constexpr std::int64_t kBlock = kCount * 4;
static_assert(kBlock > kLargestReading && aligned_bytes(kBlock) == kBlock);

Plan lower(const SmallGraph& g, const Backend& backend) {
  VariableStore store;
  return graph::lower(g.graph, backend, store, {});
}

bool overlap(const Location& a, const Location& b) {
  return a.kind == b.kind && a.offset < b.offset + kBlock && b.offset < a.offset + kBlock;
}

TEST(AssignMemory, AChainNeedsTwoBlocksHoweverLongItIs) {
  SmallGraph g;
  ValueId at = g.input("x", {kCount});
  for (int i = 0; i < 6; ++i) {
    at = g.b.neg(at);
  }
  g.output("y", at);
  const Plan plan = lower(g, WishingBackend{"Neg"});
  EXPECT_EQ(plan.arena_bytes, 2 * kBlock);
  for (const PlanStep& step : plan.steps) {
    EXPECT_FALSE(overlap(step.inputs[0], step.outputs[0]));
  }
}

TEST(AssignMemory, AValueLivesUntilItsLastReader) {
  SmallGraph g;
  const ValueId x = g.input("x", {kCount});
  const ValueId first = g.b.neg(x);
  const ValueId late = g.b.neg(g.b.neg(g.b.neg(first)));
  g.output("y", g.b.add(first, late));
  const Plan plan = lower(g, WishingBackend{"Neg", "Add"});
  for (std::size_t s = 1; s < plan.steps.size(); ++s) {
    EXPECT_FALSE(overlap(plan.steps[0].outputs[0], plan.steps[s].outputs[0])) << s;
  }
  EXPECT_EQ(plan.arena_bytes, 3 * kBlock);
}

TEST(AssignMemory, OutputsAreReadableAfterTheRun) {
  SmallGraph g;
  const ValueId x = g.input("x", {kCount});
  const ValueId early = g.b.neg(x);
  g.output("early", early);
  g.output("late", g.b.neg(g.b.neg(early)));
  const Plan plan = lower(g, WishingBackend{"Neg"});
  for (std::size_t s = 1; s < plan.steps.size(); ++s) {
    EXPECT_FALSE(overlap(plan.outputs[0].location, plan.steps[s].outputs[0])) << s;
  }
}

// Neg, then Exp, which may write over its input, then what `use` makes of them.
Plan with_inplace(const std::function<void(SmallGraph&, ValueId, ValueId)>& use) {
  SmallGraph g;
  const ValueId before = g.b.neg(g.input("x", {kCount}));
  const ValueId after = g.b.op("Exp", {before});
  use(g, before, after);
  WishingBackend backend{"Neg", "Add"};
  backend.wish("Exp", {.inplace = {{0, 0}}});
  return lower(g, backend);
}

TEST(AssignMemory, AStepWritesOverAnInputThatDiesThere) {
  const Plan plan =
      with_inplace([](SmallGraph& g, ValueId, ValueId after) { g.output("y", g.b.neg(after)); });
  EXPECT_TRUE(same_place(plan.steps[1].inputs[0], plan.steps[1].outputs[0]));
}

TEST(AssignMemory, AnInputThatIsReadLaterIsNotWrittenOver) {
  const Plan plan = with_inplace(
      [](SmallGraph& g, ValueId before, ValueId after) { g.output("y", g.b.add(before, after)); });
  EXPECT_FALSE(overlap(plan.steps[1].inputs[0], plan.steps[1].outputs[0]));
}

TEST(AssignMemory, AnOutputOfTheGraphIsNotWrittenOver) {
  const Plan plan = with_inplace([](SmallGraph& g, ValueId before, ValueId after) {
    g.output("before", before);
    g.output("y", after);
  });
  EXPECT_FALSE(overlap(plan.steps[1].inputs[0], plan.steps[1].outputs[0]));
}

TEST(AssignMemory, InputsVariablesAndConstantsAreNotWrittenOver) {
  SmallGraph g;
  const std::vector<ValueId> sources = {g.input("x", {kCount}), g.weight("w", {kCount}),
                                        g.constant({kCount}, Doubles(kCount, 1))};
  for (const ValueId source : sources) {
    g.output("y", g.b.neg(g.b.op("Exp", {source})));
  }
  WishingBackend backend{"Neg"};
  backend.wish("Exp", {.inplace = {{0, 0}}});
  const Plan plan = lower(g, backend);
  // What does not depend on the input comes first.
  const std::vector<Kind> kinds = {Kind::kVariable, Kind::kConstant, Kind::kInput};
  for (std::size_t i = 0; i < 3; ++i) {
    const PlanStep& exp = plan.steps[2 * i];
    ASSERT_EQ(exp.op, "Exp");
    EXPECT_EQ(exp.inputs[0].kind, kinds[i]);
    EXPECT_EQ(exp.outputs[0].kind, Kind::kArena);
  }
}

TEST(AssignMemory, WhatIsTheSameInEveryRunIsNotWrittenOver) {
  SmallGraph g;
  const ValueId settled = g.b.neg(g.b.neg(g.weight("w", {kCount})));
  const ValueId x = g.input("x", {kCount});
  const ValueId product = g.b.mul(g.b.neg(x), settled);
  g.output("y", g.b.neg(g.b.neg(product)));
  WishingBackend backend{};
  backend.wish("Neg", {.inplace = {{0, 0}}}).wish("Mul", {.inplace = {{0, 1}}});
  const Plan plan = lower(g, backend);
  ASSERT_EQ(plan.settled_steps, 2u);
  const Location kept = plan.steps[1].outputs[0];
  for (std::size_t s = 2; s < plan.steps.size(); ++s) {
    EXPECT_FALSE(overlap(plan.steps[s].outputs[0], kept)) << s;
  }
}

TEST(AssignMemory, AnInputThatIsReadTwiceByTheStepIsNotWrittenOver) {
  SmallGraph g;
  const ValueId before = g.b.neg(g.input("x", {kCount}));
  g.output("y", g.b.mul(before, before));
  WishingBackend backend{"Neg"};
  backend.wish("Mul", {.inplace = {{0, 0}}});
  const Plan plan = lower(g, backend);
  EXPECT_FALSE(overlap(plan.steps[1].inputs[0], plan.steps[1].outputs[0]));
}

TEST(AssignMemory, AnAliasKeepsTheMemoryItSharesAlive) {
  SmallGraph g;
  const ValueId made = g.b.neg(g.input("x", {kCount}));
  const ValueId alias = g.b.reshape(made, {kCount / 4, 4});
  const ValueId other = g.b.neg(g.b.neg(made));
  g.output("y", g.b.add(g.b.reshape(other, {kCount / 4, 4}), alias));
  const Plan plan = lower(g, WishingBackend{"Neg", "Add"});
  EXPECT_TRUE(same_place(plan.steps[3].inputs[1], plan.steps[0].outputs[0]));
  EXPECT_FALSE(overlap(plan.steps[1].outputs[0], plan.steps[0].outputs[0]));
  EXPECT_FALSE(overlap(plan.steps[2].outputs[0], plan.steps[0].outputs[0]));
}

std::vector<ValueId> halves(SmallGraph& g, ValueId x) {
  return g.b.ops("Split", {x}, 2,
                 {{"axis", std::int64_t{0}}, {"split", std::vector<std::int64_t>{kCount, kCount}}});
}

TEST(AssignMemory, PartsAlongTheFirstAxisArePlacesInTheWhole) {
  SmallGraph g;
  const std::vector<ValueId> parts = halves(g, g.b.neg(g.input("x", {2 * kCount})));
  g.output("a", g.b.neg(parts[0]));
  g.output("b", g.b.neg(parts[1]));
  const Plan plan = lower(g, WishingBackend{"Neg", "Split"});
  ASSERT_EQ(plan.steps.size(), 3u);
  const Location whole = plan.steps[0].outputs[0];
  EXPECT_EQ(plan.steps[1].inputs[0].offset, whole.offset);
  EXPECT_EQ(plan.steps[2].inputs[0].offset, whole.offset + kBlock);
  EXPECT_FALSE(overlap(plan.steps[2].inputs[0], plan.steps[1].outputs[0]));
}

TEST(AssignMemory, PartsThatTheModelGivesOrThatCutRowsAreCopied) {
  SmallGraph g;
  const ValueId x = g.b.neg(g.input("x", {2 * kCount}));
  g.output("a", halves(g, x)[1]);
  const ValueId rows = g.b.neg(g.input("rows", {2, 2 * kCount}));
  const std::vector<ValueId> columns =
      g.b.ops("Split", {rows}, 2,
              {{"axis", std::int64_t{1}}, {"split", std::vector<std::int64_t>{kCount, kCount}}});
  g.output("b", g.b.neg(columns[0]));
  const Plan plan = lower(g, WishingBackend{"Neg", "Split"});
  EXPECT_EQ(std::count_if(plan.steps.begin(), plan.steps.end(),
                          [](const PlanStep& step) { return step.op == "Split"; }),
            2);
}

ValueId joined(SmallGraph& g, const std::vector<ValueId>& parts, std::int64_t axis) {
  return g.b.op("Concat", parts, {{"axis", axis}});
}

TEST(AssignMemory, WhatIsJoinedAlongTheFirstAxisIsWrittenThere) {
  SmallGraph g;
  const ValueId x = g.input("x", {kCount});
  const ValueId first = g.b.neg(x);
  const ValueId second = g.b.reshape(g.b.neg(g.b.reshape(first, {4, kCount / 4})), {kCount});
  const ValueId whole = joined(g, {first, second}, -1);
  g.output("y", g.b.neg(whole));
  g.output("z", g.b.neg(first));
  const Plan plan = lower(g, WishingBackend{"Neg", "Concat"});
  ASSERT_EQ(plan.steps.size(), 4u);
  EXPECT_EQ(plan.steps[1].outputs[0].offset, plan.steps[0].outputs[0].offset + kBlock);
  EXPECT_EQ(plan.steps[2].inputs[0].offset, plan.steps[0].outputs[0].offset);
  EXPECT_TRUE(same_place(plan.steps[3].inputs[0], plan.steps[0].outputs[0]));
  EXPECT_FALSE(overlap(plan.steps[2].outputs[0], plan.steps[0].outputs[0]));
}

TEST(AssignMemory, WhatIsJoinedOfInputsOutputsOneTensorTwiceOrAcrossRowsIsCopied) {
  SmallGraph g;
  const ValueId x = g.input("x", {kCount}), made = g.b.neg(x), given = g.b.neg(x);
  g.output("given", given);
  g.output("of an input", g.b.neg(joined(g, {made, x}, 0)));
  g.output("of an output", g.b.neg(joined(g, {made, given}, 0)));
  g.output("twice", g.b.neg(joined(g, {made, made}, 0)));
  const ValueId rows = g.b.neg(g.input("rows", {2, kCount}));
  g.output("across", g.b.neg(joined(g, {rows, g.b.neg(rows)}, 1)));
  ValueId late = made;
  for (int i = 0; i < 10; ++i) {
    late = g.b.neg(late);
  }
  g.output("old", g.b.neg(joined(g, {made, late}, 0)));
  const Plan plan = lower(g, WishingBackend{"Neg", "Concat"});
  EXPECT_EQ(std::count_if(plan.steps.begin(), plan.steps.end(),
                          [](const PlanStep& step) { return step.op == "Concat"; }),
            5);
}

TEST(AssignMemory, SmallOutputsLieTogetherInABlockOfTheirOwn) {
  SmallGraph g;
  const ValueId x = g.input("x", {3});
  g.output("a", g.b.neg(x));
  g.output("large", g.b.neg(g.input("y", {kCount})));
  g.output("b", g.b.op("Exp", {x}));
  const Plan plan = lower(g, WishingBackend{"Neg", "Exp"});
  EXPECT_EQ(plan.outputs[0].location.kind, Kind::kReadings);
  EXPECT_EQ(plan.outputs[1].location.kind, Kind::kArena);
  EXPECT_EQ(plan.outputs[2].location.kind, Kind::kReadings);
  EXPECT_EQ(plan.outputs[2].location.offset, static_cast<std::int64_t>(kBufferAlignment));
  EXPECT_EQ(plan.readings_bytes, 2 * static_cast<std::int64_t>(kBufferAlignment));
}

TEST(AssignMemory, AWorkspaceIsApartFromWhatLivesAtItsStep) {
  SmallGraph g;
  const ValueId y = g.b.op("Exp", {g.b.neg(g.input("x", {kCount}))});
  g.output("y", g.b.neg(y));
  WishingBackend backend{"Neg"};
  backend.wish("Exp", {.workspace_bytes = kBlock});
  const Plan plan = lower(g, backend);
  const PlanStep& step = plan.steps[1];
  EXPECT_EQ(step.workspace.kind, Kind::kArena);
  EXPECT_FALSE(overlap(step.workspace, step.inputs[0]));
  EXPECT_FALSE(overlap(step.workspace, step.outputs[0]));
  EXPECT_EQ(plan.arena_bytes, 3 * kBlock);
}

// ok, rates, step, scale, then `count` parameters w0.. of 3 floats and their gradients.
struct SgdGraph : SmallGraph {
  std::vector<VariableId> parameters;
  std::vector<ValueId> gradients;

  explicit SgdGraph(int count) {
    const ValueId x = input("x", {3});
    graph.ok = b.op("AllFinite", {x});
    std::vector<ValueId> inputs = {graph.ok, input("rates", {2, 1}, DType::kFloat64),
                                   input("step", {}, DType::kInt64), ValueId{}};
    for (int i = 0; i < count; ++i) {
      parameters.push_back(variable(concat("w", i).c_str(), {3}));
      inputs.push_back(graph.read_variable(parameters.back()));
    }
    for (int i = 0; i < count; ++i) {
      gradients.push_back(b.mul(x, graph.read_variable(parameters[static_cast<std::size_t>(i)])));
      inputs.push_back(gradients.back());
    }
    const std::vector<ValueId> written = b.ops("SgdUpdate", inputs, count);
    for (int i = 0; i < count; ++i) {
      graph.add_update(
          {parameters[static_cast<std::size_t>(i)], written[static_cast<std::size_t>(i)]});
    }
  }
};

TEST(AssignMemory, GradientsLieInOneBlockInTheOrderOfTheirParameters) {
  SgdGraph g(3);
  g.graph.variable(g.parameters[0]).flat_order = 1;  // behind the other two
  const Plan plan = lower(g, WishingBackend{"AllFinite", "Mul", "SgdUpdate"});
  const PlanStep& update = plan.steps.back();
  ASSERT_EQ(update.op, "SgdUpdate");
  constexpr auto kStep = static_cast<std::int64_t>(kBufferAlignment);
  const std::vector<std::int64_t> expected = {2 * kStep, 0, kStep};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(update.inputs[7 + i].kind, Kind::kFlat);
    EXPECT_EQ(update.inputs[7 + i].offset, expected[i]) << i;
    EXPECT_TRUE(same_place(update.outputs[i], update.inputs[4 + i])) << i;
  }
  EXPECT_EQ(plan.flat_bytes, 3 * kStep);
}

TEST(AssignMemory, AnUpdateRunsBehindEverythingThatReadsItsVariables) {
  SgdGraph g(1);
  g.output("w", g.b.neg(g.graph.read_variable(g.parameters[0])));
  const Plan plan = lower(g, WishingBackend{"AllFinite", "Mul", "Neg", "SgdUpdate"});
  EXPECT_EQ(plan.steps.back().op, "SgdUpdate");
}

}  // namespace
}  // namespace temper::test
