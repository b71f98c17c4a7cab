// Along which axis of a parameter its units lie: the output channels, neurons or rows that clipping
// by unit, centralisation and the optimizers of matrices treat as one.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/ir/graph.h"

namespace temper::training {

// Per parameter: 0 as PyTorch's weights have it, the last axis where MatMul or Gemm multiply by the
// weight as it lies; -1 for scalars and vectors, which are one unit. COST: linear in the graph.
std::vector<std::int64_t> unit_axes(graph::Graph& graph,
                                    const std::vector<graph::VariableId>& parameters);

}  // namespace temper::training
