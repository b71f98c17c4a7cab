// What lives when, while a graph is computed: an estimate from the graph alone, without layouts,
// workspaces and memory that kernels take over in place.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/ir/graph.h"

namespace temper::graph {

struct LiveBytes {
  std::vector<NodeId> order;        // as in execution_order.h
  std::vector<int> position;        // of each node in `order`, -1: it is not computed
  std::vector<int> root;            // of each value the value whose memory it lies in
  std::vector<int> made, last;      // of each root where it is made and read last; -1: never
  std::vector<std::int64_t> bytes;  // of each root; 0: it takes no memory of its own
  std::int64_t peak = 0;
  int peak_at = 0;  // the first position of it
};

// Variables, inputs, constants and the gradients that an optimizer reads lie elsewhere and count
// as nothing. REQUIRES: all shapes are known.
LiveBytes live_bytes(const Graph& graph);

}  // namespace temper::graph
