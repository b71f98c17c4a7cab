// Where the batch lies in the values of a graph, as the ops' batch rules tell.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/ir/batch_context.h"
#include "graph/ir/graph.h"

namespace temper::graph {

struct BatchFlow {
  // Of each output; none where no input reaches it, or where an op on the way has no rule or may
  // mix samples.
  std::vector<BatchAxis> outputs;
  // A recurrent node that takes samples for the steps of a sequence, as messages name it.
  std::string along;
  // The node behind which the first output without a batch has none, as messages name it; empty
  // where every output has one, or no input reaches it.
  std::string mixing;
};

// Of a graph that is bound for `batch` samples, which lie along dimension 0 of every input.
BatchFlow follow_batch(const Graph& graph, std::int64_t batch);

}  // namespace temper::graph
