// Slices that cut a value into parts along one axis, as exporters write a split of queries, keys
// and values, become one Split. Before differentiation: its gradient is one Concat, where those of
// the slices are zeros around each part, added up.
#pragma once

#include "graph/ir/graph.h"

namespace temper::graph {

// REQUIRES: all shapes are known.
void join_slices(Graph& graph);

}  // namespace temper::graph
