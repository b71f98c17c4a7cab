#include "training/compile/step/weight_average.h"

#include <map>
#include <vector>

#include "training/optimizers/state_variable.h"

namespace temper::training {

using graph::Graph;
using graph::UpdateBinding;
using graph::ValueId;
using graph::Variable;
using graph::VariableId;
using graph::VariableRole;

namespace {

// What is averaged of one role, with its values after the step.
struct Averaged {
  std::vector<VariableId> variables;
  std::vector<ValueId> values;
};

Averaged averaged(graph::Builder& builder, const CompileSettings& settings, VariableRole role) {
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
    if (variable.role == role && is_float(variable.dtype) && (moves || settings.stages > 0)) {
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

void add_averages(graph::Builder& builder, const Averaged& of, const char* weight,
                  const StepVariables& step) {
  if (of.variables.empty()) {
    return;
  }
  Graph& graph = builder.graph();
  const VariableId share = add_scalar_variable(graph, weight, DType::kFloat64, {}, 0);
  std::vector<ValueId> inputs = {graph.ok, graph.read_variable(step.rates),
                                 graph.read_variable(step.applied), graph.read_variable(share)};
  std::vector<VariableId> averages;
  for (const VariableId id : of.variables) {
    averages.push_back(graph.add_variable(state_beside(graph, id, kAveragePrefix, "")));
    inputs.push_back(graph.read_variable(averages.back()));
  }
  inputs.insert(inputs.end(), of.values.begin(), of.values.end());
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
  const Averaged parameters = averaged(builder, settings, VariableRole::kParameter);
  const Averaged statistics = averaged(builder, settings, VariableRole::kStatistic);
  add_averages(builder, parameters, kAverageWeightVariable, step);
  add_averages(builder, statistics, kAverageBuffersVariable, step);
}

}  // namespace temper::training
