#include "graph/ir/execution_order.h"

#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"

namespace temper::graph {

std::vector<NodeId> execution_order(const Graph& graph) {
  const std::vector<bool> live = live_nodes(graph);
  std::vector<NodeId> order;
  std::vector<NodeId> commits;
  for (const NodeId id : topological_order(graph)) {
    if (live[static_cast<std::size_t>(id.index)]) {
      (graph.node(id).op->is_commit ? commits : order).push_back(id);
    }
  }
  order.insert(order.end(), commits.begin(), commits.end());
  return order;
}

}  // namespace temper::graph
