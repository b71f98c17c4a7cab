// Mixed precision, as torch.autocast: each op computes in 16 bits or in float32 by its precision
// class, with Casts where the two meet. Variables stay float32 (the master weights) and are cast
// where a 16-bit op reads them.
#pragma once

#include "graph/ir/graph.h"

namespace temper::graph {

// Rewrites a forward graph, before the loss and the gradient are added: the gradient of a Cast is
// a Cast, so gradients of variables come out in float32. Graph outputs and updates keep their
// types. One Cast per value and type; one that only moves elements (Reshape, Transpose) for a
// 16-bit reader is cast before it moves. Values of other types than float32 are left alone.
// REQUIRES: shapes are known; `low` is kFloat16 or kBFloat16.
void apply_mixed_precision(Graph& graph, DType low);

}  // namespace temper::graph
