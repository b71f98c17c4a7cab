#include "training/optimizers/state_variable.h"

#include "runtime/base/concat.h"

namespace temper::training {

graph::Variable state_beside(const graph::Graph& graph, graph::VariableId of,
                             graph::VariableKind kind, int slot, std::string_view part) {
  const graph::Variable& original = graph.variable(of);
  graph::Variable state;
  state.name = concat(original.name, ".", part);
  state.part = part;
  state.identity = graph::VariableIdentity::beside(of.index, kind, slot);
  state.dtype = original.dtype;
  state.shape = original.shape;
  state.flat_group =
      original.flat_group.empty() ? std::string{} : concat(original.flat_group, ".", part);
  state.flat_order = original.flat_order;
  state.layout_of = of;
  return state;
}

}  // namespace temper::training
