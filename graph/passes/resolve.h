// Infers a graph node by node, folds what is constant and puts what control flow and sequences come
// to in their place (OpDef::resolves): a condition often follows from shapes, and with it which
// branch of an If is meant. Then nodes that ask for derivatives are answered.
#pragma once

#include <cstdint>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"

namespace temper::graph {

struct ResolveOptions {
  std::int64_t unroll = 64;               // loops of up to so many steps are written out
  std::int64_t max_trip_count = 100'000;  // of loops whose number of steps data decide
};

// `mirror`, if given, is a copy of the graph that stays without shapes: it gets the same nodes and
// values under the same ids. THROWS: what shape rules throw; kUnsupported naming an output that is
// a sequence, or loops that give too many nodes.
void infer_and_resolve(Graph& graph, Graph* mirror, const Backend& reference,
                       const ResolveOptions& options = {});

}  // namespace temper::graph
