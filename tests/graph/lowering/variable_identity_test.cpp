// Two graphs over one store find each other's variables by what they are, whatever they are called.
#include "runtime/base/variable_identity.h"

#include <gtest/gtest.h>

#include "backends/reference/reference_backend.h"
#include "graph/ir/builder.h"
#include "graph/lowering/lower.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "runtime/exec/executor.h"

namespace temper::graph {
namespace {

Variable named(const std::string& name, VariableIdentity identity = {}) {
  Variable variable;
  variable.name = name;
  variable.identity = identity;
  variable.shape = {2};
  return variable;
}

// y = first + second + its moment
Graph sum_of_three(const std::string& first, const std::string& second, const std::string& moment) {
  Graph graph(standard_ops());
  const VariableId a = graph.add_variable(named(first));
  const VariableId b = graph.add_variable(named(second));
  const VariableId m =
      graph.add_variable(named(moment, VariableIdentity::beside(b.index, VariableKind::kMoment)));
  Builder builder(graph, "test");
  const ValueId sum = builder.add(graph.read_variable(a), graph.read_variable(b));
  graph.add_output("y", builder.add(sum, graph.read_variable(m)));
  return graph;
}

double run(const Plan& plan, VariableStore& store) {
  Arena arena;
  arena.reserve(plan);
  Executor executor(plan, store, arena);
  executor.run();
  return executor.read_number<double>(plan.output(PortRole::kModelOutput));
}

TEST(VariableIdentity, IsWhatTwoGraphsOverOneStoreShare) {
  const auto backend = reference::make_reference_backend();
  VariableStore store;
  // The model has a tensor with the name that one would give a moment of the other.
  const Plan plan = lower(sum_of_three("w.exp_avg", "w", "w.exp_avg"), *backend, store, {});
  // Another graph calls them otherwise, and by each other's names.
  const Plan other = lower(sum_of_three("w", "w.exp_avg", "m"), *backend, store, {});
  EXPECT_EQ(store.count(), 3);
  EXPECT_EQ(plan.variables, other.variables);
  store.allocate();
  const int w = store.find("w");
  const int moment = store.find(VariableIdentity::beside(w, VariableKind::kMoment));
  ASSERT_GE(moment, 0);
  EXPECT_EQ(store.find(VariableIdentity::of_tensor(VariableKind::kParameter, 1)), w);
  EXPECT_NE(store.find("w.exp_avg"), moment);
  for (const auto& [id, value] :
       {std::pair(store.find("w.exp_avg"), 1.0), std::pair(w, 10.0), std::pair(moment, 100.0)}) {
    store.set(id, Tensor::from<double>(DType::kFloat32, {2}, std::vector{value, value}));
  }
  EXPECT_EQ(run(plan, store), 111);
  EXPECT_EQ(run(other, store), 111);
}

TEST(VariableIdentity, IsInAGraphOnce) {
  Graph graph(standard_ops());
  const VariableId w = graph.add_variable(named("w"));
  const auto moment = VariableIdentity::beside(w.index, VariableKind::kMoment);
  const VariableId m = graph.add_variable(named("w", moment));
  EXPECT_EQ(graph.find_variable(moment), m);
  EXPECT_EQ(graph.find_variable("w"), w);
  EXPECT_FALSE(
      graph.find_variable(VariableIdentity::beside(w.index, VariableKind::kMoment, 1)).valid());
  EXPECT_THROW(graph.add_variable(named("other", moment)), Error);
}

TEST(VariableIdentity, TellsTheScalarsOfTwoModelsApart) {
  VariableStore store;
  const int first = store.add(
      {"step", DType::kInt64, {}, {}, "", VariableIdentity::of_scalar(ScalarRole::kApplied, 0)});
  const int second = store.add(
      {"step", DType::kInt64, {}, {}, "", VariableIdentity::of_scalar(ScalarRole::kApplied, 1)});
  EXPECT_EQ(store.find(ScalarRole::kApplied), first);
  EXPECT_EQ(store.find(ScalarRole::kApplied, 1), second);
  EXPECT_EQ(store.find(ScalarRole::kPosition), -1);
  EXPECT_EQ(store.find("step"), -1);
  EXPECT_THROW(store.add({"another",
                          DType::kInt64,
                          {},
                          {},
                          "",
                          VariableIdentity::of_scalar(ScalarRole::kApplied, 1)}),
               Error);
  store.allocate();
  store.set_scalar(first, std::int64_t{1});
  store.set_scalar(second, std::int64_t{2});
  EXPECT_EQ(store.get_scalar<std::int64_t>(first), 1);
}

}  // namespace
}  // namespace temper::graph
