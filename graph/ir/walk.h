// Orders and reachability of a graph's nodes.
#pragma once

#include <functional>
#include <vector>

#include "graph/ir/graph.h"

namespace temper::graph {

// All nodes that are not removed, producers first; among ready nodes the oldest comes first, so the
// order is deterministic. THROWS: kInvalidModel naming nodes of a cycle.
std::vector<NodeId> topological_order(const Graph& graph);
// Of ready nodes those that are `early` first.
std::vector<NodeId> topological_order(const Graph& graph, const std::function<bool(NodeId)>& early);

// Per node index: does an output, an update or a committing op depend on it?
std::vector<bool> live_nodes(const Graph& graph);

// Per value index: the nodes that read it (with repetition).
std::vector<std::vector<NodeId>> users(const Graph& graph);

}  // namespace temper::graph
