// Which steps a plan has: kernels, reorders where layouts meet, aliases, copies of updates.
#include <gtest/gtest.h>

#include "tests/graph/lowering/wishing_backend.h"
#include "tests/graph/onnx/expect_error.h"

namespace temper::test {
namespace {

using Kind = Location::Kind;
using Ops = std::vector<std::string>;

const Layout kColumns = by_columns(2, 3);

Plan lower(const SmallGraph& g, const Backend& backend) {
  VariableStore store;
  return graph::lower(g.graph, backend, store, {});
}

TEST(SelectKernels, ReordersStandOnlyAtTheEdgesOfARegion) {
  SmallGraph g;
  ValueId at = g.input("x", {2, 3});
  for (int i = 0; i < 3; ++i) {
    at = g.b.op("Exp", {at});
  }
  g.output("y", at);
  WishingBackend backend{};
  backend.wish("Exp", {.inputs = {kColumns}, .outputs = {kColumns}});
  const Plan plan = lower(g, backend);
  EXPECT_EQ(ops_of(plan), (Ops{"Reorder", "Exp", "Exp", "Exp", "Reorder"}));
  EXPECT_EQ(plan.steps[0].inputs[0].kind, Kind::kInput);
  EXPECT_TRUE(same_place(plan.outputs[0].location, plan.steps[4].outputs[0]));
}

TEST(SelectKernels, OneReorderServesAllReadersOfALayout) {
  SmallGraph g;
  const ValueId made = g.b.neg(g.input("x", {2, 3}));
  g.output("a", g.b.op("Exp", {made}));
  g.output("b", g.b.op("Exp", {made}));
  g.output("c", g.b.neg(made));
  WishingBackend backend{"Neg"};
  backend.wish("Exp", {.inputs = {kColumns}});
  EXPECT_EQ(ops_of(lower(g, backend)), (Ops{"Neg", "Reorder", "Exp", "Exp", "Neg"}));
}

TEST(SelectKernels, AKernelSeesTheLayoutItsInputArrivesIn) {
  SmallGraph g;
  g.output("y", g.b.neg(g.b.op("Exp", {g.input("x", {2, 3})})));
  Layout seen;
  WishingBackend backend{};
  backend.wish("Exp", {.outputs = {kColumns}});
  backend.wish("Neg", [&](const OpQuery& query) {
    seen = query.inputs[0].layout;
    return Wish{{seen}, {seen}};
  });
  EXPECT_EQ(ops_of(lower(g, backend)), (Ops{"Exp", "Neg", "Reorder"}));
  EXPECT_EQ(seen, kColumns);
}

TEST(SelectKernels, TheFirstReaderChoosesAWeightsLayoutAndOthersReorder) {
  SmallGraph g;
  const ValueId w = g.weight("w", {2, 3});
  g.output("a", g.b.op("Exp", {w}));
  g.output("b", g.b.neg(w));
  WishingBackend backend{"Neg"};
  backend.wish("Exp", {.inputs = {kColumns}});
  VariableStore store;
  const Plan plan = graph::lower(g.graph, backend, store, {});
  EXPECT_EQ(ops_of(plan), (Ops{"Exp", "Reorder", "Neg"}));
  EXPECT_EQ(store.variable(store.find("w")).layout, kColumns);
}

TEST(SelectKernels, AVariableOfAStoreThatIsThereKeepsItsLayout) {
  SmallGraph g;
  g.output("a", g.b.op("Exp", {g.weight("w", {2, 3})}));
  VariableStore store;
  graph::lower(g.graph, WishingBackend{"Exp"}, store, {});  // plain
  store.allocate();
  WishingBackend backend{};
  backend.wish("Exp", {.inputs = {kColumns}});
  EXPECT_EQ(ops_of(graph::lower(g.graph, backend, store, {})), (Ops{"Reorder", "Exp"}));
}

TEST(SelectKernels, AVariableThatMayNotChooseStaysPlain) {
  SmallGraph g;
  const VariableId id = g.variable("w", {2, 3});
  g.graph.variable(id).layout_free = false;
  g.output("a", g.b.op("Exp", {g.graph.read_variable(id)}));
  WishingBackend backend{};
  backend.wish("Exp", {.inputs = {kColumns}});
  EXPECT_EQ(ops_of(lower(g, backend)), (Ops{"Reorder", "Exp"}));
}

TEST(SelectKernels, AReshapeIsNoStepButNeedsItsInputPlain) {
  SmallGraph g;
  const ValueId x = g.input("x", {2, 3});
  g.output("plain", g.b.neg(g.b.reshape(g.b.neg(x), {6})));
  g.output("reordered", g.b.neg(g.b.reshape(g.b.op("Exp", {x}), {6})));
  WishingBackend backend{"Neg"};
  backend.wish("Exp", {.outputs = {kColumns}});
  const Plan plan = lower(g, backend);
  EXPECT_EQ(ops_of(plan), (Ops{"Neg", "Neg", "Exp", "Reorder", "Neg"}));
  EXPECT_TRUE(same_place(plan.steps[1].inputs[0], plan.steps[0].outputs[0]));
}

TEST(SelectKernels, ANodeWithEmptyOutputsIsNoStep) {
  SmallGraph g;
  g.output("y", g.b.op("MatMul", {g.input("a", {0, 3}), g.input("b", {3, 4})}));
  EXPECT_EQ(ops_of(lower(g, WishingBackend{"MatMul"})), Ops{});
}

TEST(SelectKernels, AnUpdateThatIsAppliedLooksAtTheStepsConditionAndAnAttemptDoesNot) {
  SmallGraph g;
  const ValueId x = g.input("x", {2});
  g.graph.ok = g.b.op("AllFinite", {x});
  const VariableId applied = g.variable("applied", {2}), attempted = g.variable("attempted", {2});
  g.graph.add_update({applied, g.b.neg(x), graph::UpdateBinding::Kind::kApply});
  g.graph.add_update({attempted, g.b.op("Exp", {x}), graph::UpdateBinding::Kind::kAttempt});
  const Plan plan = lower(g, WishingBackend{"AllFinite", "Neg", "Exp"});
  EXPECT_EQ(ops_of(plan), (Ops{"AllFinite", "Neg", "Exp", "CommitIf", "Copy"}));
  EXPECT_EQ(plan.steps[3].outputs[0].kind, Kind::kVariable);
  EXPECT_TRUE(same_place(plan.steps[3].inputs[0], plan.steps[0].outputs[0]));
}

TEST(SelectKernels, NamesEveryNodeWithoutAKernel) {
  SmallGraph g;
  const ValueId x = g.input("x", {2});
  g.b.set_origin("Neg 'first'");
  const ValueId y = g.b.neg(x);
  g.b.set_origin("Exp 'second'");
  g.output("y", g.b.op("Exp", {y}));
  const WishingBackend backend{};
  expect_error(ErrorCode::kUnsupported, "Neg 'first'", [&] { lower(g, backend); });
  expect_error(ErrorCode::kUnsupported, "Exp 'second'", [&] { lower(g, backend); });
}

TEST(SelectKernels, ATensorThatIsTooLargeIsNamedBeforeAnyKernelIsPrepared) {
  SmallGraph g;
  g.b.set_origin("Neg 'huge'");
  g.output("y", g.b.neg(g.input("x", {1 << 20})));
  graph::LowerOptions options;
  options.largest_tensor_bytes = 1 << 20;
  VariableStore store;
  expect_error(ErrorCode::kOutOfMemory, "Neg 'huge'",
               [&] { graph::lower(g.graph, WishingBackend{}, store, options); });
}

TEST(SelectKernels, ConversionsAreMarkedAsSuch) {
  SmallGraph g;
  g.output("y", g.b.cast(g.b.neg(g.input("x", {2})), DType::kFloat16));
  const Plan plan = lower(g, WishingBackend{"Neg", "Cast"});
  EXPECT_FALSE(plan.steps[0].converts);
  EXPECT_TRUE(plan.steps[1].converts);
  EXPECT_EQ(plan.float_casts(), 1);
}

}  // namespace
}  // namespace temper::test
