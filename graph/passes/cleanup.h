// Removes what is not needed: nodes nobody depends on, and nodes that compute what another one
// computes already.
#pragma once

#include "graph/ir/graph.h"

namespace temper::graph {

void remove_dead_nodes(Graph& graph);

// Merges nodes of one op with equal attributes and inputs (also constants of equal bits up to 64
// elements).
void merge_common_nodes(Graph& graph);

}  // namespace temper::graph
