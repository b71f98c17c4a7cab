#include "training/compile/parameter_groups.h"

#include "runtime/base/error.h"
#include "training/settings/name_pattern.h"

namespace temper::training {

using graph::Graph;
using graph::Variable;
using graph::VariableId;

void collect_parameters(Graph& graph, const CompileSettings& settings, UpdateInputs& update) {
  const ComponentSettings& optimizer = settings.optimizer;
  GroupValues base;
  base.weight_decay = optimizer.parameters.get_double("weight_decay", 0);
  const double lr = optimizer.parameters.get_double("lr", 0);
  update.groups = {base};
  for (const OptimizerGroupSettings& group : settings.groups) {
    GroupValues values = base;
    if (group.lr >= 0) {
      TEMPER_CHECK(lr > 0 || group.lr == 0, ErrorCode::kInvalidArgument,
                   "optimizer.group.lr needs optimizer.lr > 0");
      values.lr_scale = lr > 0 ? group.lr / lr : 0;
    }
    if (group.weight_decay >= 0) {
      values.weight_decay = group.weight_decay;
    }
    update.groups.push_back(values);
  }
  std::vector<std::string> names;
  std::vector<VariableId> ids;
  for (int i = 0; i < graph.variable_count(); ++i) {
    if (graph.variable(VariableId{i}).trainable) {
      ids.push_back(VariableId{i});
      names.push_back(graph.variable(VariableId{i}).name);
    }
  }
  std::vector<std::int64_t> group_of(ids.size(), 0);
  for (std::size_t g = 0; g < settings.groups.size(); ++g) {
    const auto chosen = match_names({settings.groups[g].match}, names, "optimizer.group.match");
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (chosen[i]) {
        group_of[i] = static_cast<std::int64_t>(g) + 1;
      }
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
}

}  // namespace temper::training
