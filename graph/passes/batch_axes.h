// Where the batch lies in the values of a graph, as the ops' batch rules tell.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/ir/batch_context.h"
#include "graph/ir/graph.h"

namespace temper::graph {

// Of each output of a graph that is bound for `batch` samples, which lie along dimension 0 of every
// input. None where no input reaches it, or where an op on the way has no rule or may mix samples.
std::vector<BatchAxis> batch_axes_of_outputs(const Graph& graph, std::int64_t batch);

}  // namespace temper::graph
