// The graph as text, one line per node, deterministic: for people, for --dump-passes and for golden
// tests.
#pragma once

#include <string>

#include "graph/ir/graph.h"

namespace temper::graph {

std::string print(const Graph& graph);

// How the printer calls a value: its name, or "%12".
std::string label(const Graph& graph, ValueId id);

}  // namespace temper::graph
