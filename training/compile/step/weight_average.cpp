#include "training/compile/step/weight_average.h"

#include <map>
#include <vector>

#include "runtime/base/update_layout.h"
#include "training/optimizers/state_variable.h"

namespace temper::training {

using graph::Graph;
using graph::ScalarRole;
using graph::UpdateBinding;
using graph::ValueId;
using graph::Variable;
using graph::VariableId;
using graph::VariableKind;

namespace {

// What is averaged of one kind, with its values after the step.
struct Averaged {
  std::vector<VariableId> variables;
  std::vector<ValueId> values;
};

Averaged averaged(graph::Builder& builder, const CompileSettings& settings, VariableKind kind) {
  Graph& graph = builder.graph();
  std::map<VariableId, ValueId> after;
  for (const UpdateBinding& update : graph.updates) {
    after[update.variable] = update.value;
  }
  Averaged made;
  for (int i = 0; i < graph.variable_count(); ++i) {
    const VariableId id{i};
    const Variable& variable = graph.variable(id);
    const auto update = after.find(id);
    const bool moves = update != after.end();
    if (variable.is(kind) && is_float(variable.dtype) && (moves || settings.stages > 0)) {
      made.variables.push_back(id);
      made.values.push_back(moves ? update->second : ValueId{});
    }
  }
  for (std::size_t i = 0; i < made.values.size(); ++i) {
    if (!made.values[i].valid()) {
      // An update's inputs beside its variables are computed values, so frozen ones pass an op.
      made.values[i] = builder.scale(graph.read_variable(made.variables[i]), 1);
    }
  }
  return made;
}

void add_averages(graph::Builder& builder, const Averaged& of, ScalarRole weight,
                  const StepVariables& step) {
  if (of.variables.empty()) {
    return;
  }
  Graph& graph = builder.graph();
  const VariableId share = add_scalar_variable(graph, weight, DType::kFloat64, {2, kRateSlots}, 0);
  // An average stands in a parameter's place, the weight it follows in its gradient's.
  const UpdateLayout layout{of.variables.size(), 0};
  std::vector<ValueId> inputs(layout.memory());
  inputs[UpdateLayout::kOk] = graph.ok;
  inputs[UpdateLayout::kRates] = graph.read_variable(share);
  inputs[UpdateLayout::kStep] = graph.read_variable(step.applied);
  std::vector<VariableId> averages;
  for (std::size_t i = 0; i < layout.count; ++i) {
    averages.push_back(graph.add_variable(
        state_beside(graph, of.variables[i], VariableKind::kAverage, 0, "average")));
    inputs[layout.parameter(i)] = graph.read_variable(averages.back());
    inputs[layout.gradient(i)] = of.values[i];
  }
  const std::vector<ValueId> outputs =
      builder.ops("AverageUpdate", std::move(inputs), static_cast<int>(averages.size()),
                  {{"count", static_cast<std::int64_t>(averages.size())}});
  for (std::size_t i = 0; i < averages.size(); ++i) {
    graph.add_update({averages[i], outputs[i], UpdateBinding::Kind::kApply});
  }
}

}  // namespace

void add_weight_average(Graph& graph, const CompileSettings& settings, const StepVariables& step) {
  graph::Builder builder(graph, "average of the weights");
  const Averaged parameters = averaged(builder, settings, VariableKind::kParameter);
  const Averaged statistics = averaged(builder, settings, VariableKind::kStatistic);
  add_averages(builder, parameters, ScalarRole::kAverageWeight, step);
  add_averages(builder, statistics, ScalarRole::kAverageBuffers, step);
}

}  // namespace temper::training
