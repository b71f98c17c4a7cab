// The order in which a plan computes the nodes of a graph.
#pragma once

#include <vector>

#include "graph/ir/graph.h"

namespace temper::graph {

// The live nodes, producers first, of those that are ready the oldest; nodes that write variables
// come after everything that may still read them.
std::vector<NodeId> execution_order(const Graph& graph);

}  // namespace temper::graph
