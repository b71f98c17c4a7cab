#include "graph/passes/expand_ops.h"

#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"

namespace temper::graph {

void expand_ops(Graph& graph) {
  // Expansions may hold ops that are expanded in turn: those stand behind.
  for (int i = 0; i < graph.node_count(); ++i) {
    const NodeId id{i};
    if (graph.node(id).removed || !graph.node(id).op->is_expanded) {
      continue;
    }
    const Node node = graph.node(id);  // a copy: adding nodes moves them
    Builder builder(graph, node.origin);
    const std::vector<ValueId> made = node.op->expand_function(builder, node, node.inputs);
    for (std::size_t k = 0; k < node.outputs.size(); ++k) {
      if (node.outputs[k].valid()) {
        graph.replace_uses(node.outputs[k], made[k]);
      }
    }
    graph.remove_node(id);
  }
}

}  // namespace temper::graph
