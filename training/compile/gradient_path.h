// Which values of a graph gradients can reach, and what stands in their way.
#pragma once

#include <string>
#include <vector>

#include "graph/ir/graph.h"

namespace temper::training {

// Per value index. A gradient stops on purpose at comparisons, shapes and the like.
using ReachedValues = std::vector<bool>;

// `begin` and all values that depend on it through ops that pass gradients, rules missing or not.
// REQUIRES: nodes in topological order, as imported.
ReachedValues reached_values(const graph::Graph& graph, ReachedValues begin);

// `end` and all float values that it depends on through such ops. REQUIRES: known types.
ReachedValues values_behind(const graph::Graph& graph, graph::ValueId end);

// The origins of nodes on the way from reached values to the outputs that lack a gradient rule.
std::vector<std::string> nodes_without_gradient(const graph::Graph& graph,
                                                const ReachedValues& reached);

}  // namespace temper::training
