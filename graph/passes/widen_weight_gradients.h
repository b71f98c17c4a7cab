// Weight gradients of 16-bit products, which are sums over the batch kept in float32 anyway, come
// out in float32 instead of being rounded to 16 bits and cast back.
#pragma once

#include "graph/ir/graph.h"

namespace temper::graph {

// Nodes whose op widens (OpDef::widens: ConvGradWeights, LinearGradWeights) and whose outputs are
// only read by Casts to float32 give float32 (attribute wide = 1); the Casts go.
void widen_weight_gradients(Graph& graph);

}  // namespace temper::graph
