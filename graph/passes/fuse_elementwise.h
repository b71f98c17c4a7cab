// Makes one FusedElementwise of each chain of elementwise ops whose inner values nobody else reads:
// they are then never written to memory. A value that two chains read is computed in both where
// that reads nothing more: a backward chain takes up the forward one's first steps anew. After
// differentiation, so that forward and backward chains are fused alike. Arithmetic is in float32:
// what a node makes in 16 bits is rounded as the node alone would round it, so bits are the same,
// and casts between the three float types are part of a chain.
#pragma once

#include "graph/ir/graph.h"

namespace temper::graph {

// Ops with a functor (OpDef::elementwise) in float32, float16 and bfloat16, of one output shape.
void fuse_elementwise(Graph& graph);

}  // namespace temper::graph
