// Makes one FusedElementwise of each chain of elementwise ops whose inner values nobody else reads:
// they are then never written to memory. A value that two chains read is computed in both where
// that reads nothing more: a backward chain takes up the forward one's first steps anew. After
// differentiation, so that forward and backward chains are fused alike.
#pragma once

#include "graph/ir/graph.h"

namespace temper::graph {

// Ops with a functor (OpDef::elementwise) in float32, of one output shape.
void fuse_elementwise(Graph& graph);

}  // namespace temper::graph
