#include "graph/passes/expand_ops.h"

#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"

namespace temper::graph {

namespace {

void expand(Graph& graph, bool (*is_meant)(const OpDef&)) {
  // Expansions may hold ops that are expanded in turn: those stand behind.
  for (int i = 0; i < graph.node_count(); ++i) {
    const NodeId id{i};
    if (graph.node(id).removed || !is_meant(*graph.node(id).op)) {
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

}  // namespace

void expand_ops(Graph& graph) {
  expand(graph, [](const OpDef& op) { return op.is_expanded; });
}

void expand_foreign_ops(Graph& graph) {
  expand(graph,
         [](const OpDef& op) { return op.is_expanded && op.is_internal && !op.onnx_name.empty(); });
}

}  // namespace temper::graph
