// Of a file of one sample, what is picked along the batch by places that are numbers of the file
// lies in that sample: exporters write strided views and masks so. For another batch size it is
// picked in each sample.
#pragma once

#include <vector>

#include "graph/ir/batch_context.h"

namespace temper::graph {

// Rewrites the node in `graph`, which goes from a batch of one to one of `to`, where its batch then
// lies in front; false for all other nodes. `old`: the same graph bound at a batch of one. `axes`:
// of the batch in the node's inputs.
bool pick_in_sample(Graph& graph, const Graph& old, NodeId id, std::int64_t to,
                    const std::vector<BatchAxis>& axes);

}  // namespace temper::graph
