// Whether something outside of the nodes takes a value: a pass must not take it away.
#pragma once

#include <algorithm>

#include "graph/ir/graph.h"

namespace temper::graph {

// An output of the graph, or the new value of a variable.
inline bool is_result(const Graph& graph, ValueId id) {
  const auto is_it = [&](const auto& bound) { return bound.value == id; };
  return std::any_of(graph.outputs.begin(), graph.outputs.end(), is_it) ||
         std::any_of(graph.updates.begin(), graph.updates.end(), is_it);
}

}  // namespace temper::graph
