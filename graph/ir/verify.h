// Checks a graph's invariants: run after each pass, in every build (its cost is linear in the
// graph).
#pragma once

#include "graph/ir/graph.h"

namespace temper::graph {

// Every input exists and is typed, every update fits its variable, producers agree, no cycle, no
// node that is removed is still read. THROWS: kInternal naming `after` (the pass) and the node.
void verify(const Graph& graph, const char* after);

}  // namespace temper::graph
