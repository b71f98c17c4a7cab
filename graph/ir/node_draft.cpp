#include "graph/ir/node_draft.h"

#include "graph/ir/op_registry.h"

namespace temper::graph {

ValueId NodeDraft::emit(std::string_view op_name, std::vector<ValueId> op_inputs, Attrs op_attrs) {
  const NodeId id = graph.add_node(graph.registry().get(op_name), std::move(op_inputs), {""},
                                   std::move(op_attrs), origin);
  graph.node(id).scope = scope;
  graph.node(id).name = name;
  return graph.node(id).outputs[0];
}

}  // namespace temper::graph
