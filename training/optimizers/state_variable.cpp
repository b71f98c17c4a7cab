#include "training/optimizers/state_variable.h"

namespace temper::training {

graph::Variable state_beside(const graph::Graph& graph, graph::VariableId of,
                             std::string_view prefix, std::string_view suffix) {
  const auto beside = [&](const std::string& name) {
    return name.empty() ? name : std::string(prefix).append(name).append(suffix);
  };
  const graph::Variable& original = graph.variable(of);
  graph::Variable state;
  state.name = beside(original.name);
  state.dtype = original.dtype;
  state.shape = original.shape;
  state.role = graph::VariableRole::kState;
  state.flat_group = beside(original.flat_group);
  state.flat_order = original.flat_order;
  state.layout_of = of;
  return state;
}

}  // namespace temper::training
