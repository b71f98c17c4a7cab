// Puts the reverse pass in the place of nodes that ask for derivatives (Gradient of
// ai.onnx.preview.training).
#pragma once

#include "graph/ir/graph.h"

namespace temper::graph {

// Producers first, so that a request may ask for derivatives of what another one gave. Where a node
// feeds other values than the tensors it names, what lies between them and y is computed again from
// those. REQUIRES: known shapes. THROWS: as gradient().
void answer_gradient_requests(Graph& graph);

}  // namespace temper::graph
