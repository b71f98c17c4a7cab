// A graph that fits into given memory: so much of it is computed twice as that takes.
#pragma once

#include <cstdint>
#include <functional>

#include "graph/ir/graph.h"
#include "graph/passes/recompute.h"

namespace temper::training {

// Puts in the place of `graph` what takes at most `limit` bytes and computes least twice; where
// nothing does, what takes least. `measure` says what a graph takes. The graph itself is tried
// first, then what recomputes cheap nodes, then segments of the forward part, ever more of them.
// REQUIRES: all passes over the graph are done.
graph::RecomputationReport fit_into(
    graph::Graph& graph, std::int64_t limit,
    const std::function<std::int64_t(const graph::Graph&)>& measure);

}  // namespace temper::training
