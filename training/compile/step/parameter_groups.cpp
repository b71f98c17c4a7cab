#include "training/compile/step/parameter_groups.h"

#include <limits>
#include <map>
#include <set>

#include "runtime/base/error.h"
#include "training/compile/step/unit_axes.h"
#include "training/settings/name_pattern.h"

namespace temper::training {

using graph::Graph;
using graph::Variable;
using graph::VariableId;

std::vector<OptimizerGroup> merged_groups(const Graph& graph,
                                          const std::vector<OptimizerGroup>& groups) {
  std::vector<std::string> names;
  for (int i = 0; i < graph.variable_count(); ++i) {
    const Variable& variable = graph.variable(VariableId{i});
    if (variable.is(graph::VariableKind::kParameter)) {
      names.push_back(variable.name);
    }
  }
  std::vector<std::vector<std::size_t>> matching(names.size());  // groups, the last one first
  for (std::size_t g = groups.size(); g-- > 0;) {
    const std::set<std::string> exactly(groups[g].tensors.begin(), groups[g].tensors.end());
    const std::vector<bool> chosen =
        exactly.empty() ? match_names({groups[g].match}, names, "optimizer.group.match")
                        : std::vector<bool>(names.size(), false);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (chosen[i] || exactly.count(names[i]) > 0) {
        matching[i].push_back(g);
      }
    }
  }
  // By the last group first: groups that do not overlap keep their order.
  std::map<std::vector<std::size_t>, OptimizerGroup> merged;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!matching[i].empty()) {
      merged[matching[i]].tensors.push_back(names[i]);
    }
  }
  std::vector<OptimizerGroup> made;
  for (auto& [members, group] : merged) {
    for (auto g = members.rbegin(); g != members.rend(); ++g) {
      group.match += concat(group.match.empty() ? "" : " + ", groups[*g].match);
      for (const auto& [name, value] : groups[*g].parameters) {
        group.parameters.set(name, value);
      }
    }
    made.push_back(std::move(group));
  }
  return made;
}

std::int64_t group_count(const CompileSettings& settings) {
  return static_cast<std::int64_t>(settings.groups.size()) + 1;
}

std::vector<Attrs> group_parameters(const CompileSettings& settings) {
  std::vector<Attrs> groups = {settings.optimizer.parameters};
  for (const OptimizerGroup& group : settings.groups) {
    Attrs parameters = settings.optimizer.parameters;
    for (const auto& [name, value] : group.parameters) {
      parameters.set(name, value);
    }
    groups.push_back(std::move(parameters));
  }
  return groups;
}

RateTable::RateTable(VariableStore& store, const CompileSettings& settings)
    : store_(store), variable_(store.find(ScalarRole::kRates, settings.model_index)) {
  for (const Attrs& group : group_parameters(settings)) {
    lr_.push_back(group.get_double("lr", 0));
  }
  rates_.resize(static_cast<std::size_t>(store.variable(variable_).shape.element_count()));
}

void RateTable::set_rate(std::int64_t group, std::int64_t slot, double rate) {
  rates_[static_cast<std::size_t>(group * kRateSlots + slot)] = rate;
}

void RateTable::write() { store_.set_range<double>(variable_, 0, rates_); }

void RateTable::set_momentum(std::int64_t group, std::int64_t slot, double momentum) {
  set_rate(groups() + group, slot, momentum);
}

void RateTable::fill_constant() {
  for (std::int64_t group = 0; group < groups(); ++group) {
    for (std::int64_t slot = 0; slot < kRateSlots; ++slot) {
      set_rate(group, slot, lr(group));
      set_momentum(group, slot, std::numeric_limits<double>::quiet_NaN());
    }
  }
  write();
}

std::vector<std::int64_t> phases_of(const Graph& graph, const CompileSettings& settings,
                                    const std::vector<VariableId>& parameters) {
  if (settings.stages == 0) {
    return {};
  }
  std::vector<std::string> names;
  std::map<std::string, std::int64_t> phase;
  for (int i = 0; i < graph.variable_count(); ++i) {
    const Variable& variable = graph.variable(VariableId{i});
    if (variable.is(graph::VariableKind::kParameter)) {
      names.push_back(variable.name);
    }
  }
  for (std::size_t stage = 0; stage < settings.earlier_freezes.size(); ++stage) {
    const std::vector<bool> frozen =
        match_names(settings.earlier_freezes[stage], names, "train.stage.freeze");
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (frozen[i]) {
        phase[names[i]] = static_cast<std::int64_t>(stage) + 1;
      }
    }
  }
  std::vector<std::int64_t> phases;
  for (const VariableId id : parameters) {
    phases.push_back(phase[graph.variable(id).name]);
  }
  return phases;
}

void collect_parameters(Graph& graph, const CompileSettings& settings, UpdateInputs& update) {
  update.groups = group_parameters(settings);
  update.model = settings.model_index;
  update.prefix = settings.prefix;
  std::map<std::string, std::int64_t> group_by_name;
  for (std::size_t g = 0; g < settings.groups.size(); ++g) {
    for (const std::string& name : settings.groups[g].tensors) {
      group_by_name[name] = static_cast<std::int64_t>(g) + 1;
    }
  }
  std::vector<VariableId> ids;
  std::vector<std::int64_t> group_of;
  for (int i = 0; i < graph.variable_count(); ++i) {
    if (graph.variable(VariableId{i}).trainable) {
      ids.push_back(VariableId{i});
      const auto group = group_by_name.find(graph.variable(VariableId{i}).name);
      group_of.push_back(group == group_by_name.end() ? 0 : group->second);
    }
  }
  for (std::int64_t g = 0; g < static_cast<std::int64_t>(update.groups.size()); ++g) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (group_of[i] == g) {
        Variable& variable = graph.variable(ids[i]);
        variable.flat_group = concat(settings.prefix, "parameters ", variable.dtype);
        variable.flat_order = static_cast<int>(g);
        update.parameters.push_back(ids[i]);
        update.group_of.push_back(g);
      }
    }
  }
  update.phase_of = phases_of(graph, settings, update.parameters);
  update.unit_axes = unit_axes(graph, update.parameters);
}

}  // namespace temper::training
