// Folds a Relu into the node before it (attribute relu = 1), after differentiation: ReluGrad reads
// the Relu's output, which the fused node still gives.
#pragma once

#include "graph/ir/graph.h"

namespace temper::graph {

// Nodes whose op takes a Relu (OpDef::takes_relu), when the Relu is the only reader. One that saves
// the mask: when its gradient is also fed by that Relu's gradient alone; then both carry relu = 1.
void fuse_relu(Graph& graph);

}  // namespace temper::graph
