// x W^T, as linear layers are written by exporters that keep PyTorch's weights, becomes one product
// that reads W as it is: no transposed copy of it is made in each step, nor of its gradient, and
// its layout is free. Before differentiation: the gradient is then that of the new node.
#pragma once

#include "graph/ir/graph.h"

namespace temper::graph {

// REQUIRES: all shapes are known.
void turn_weights(Graph& graph);

}  // namespace temper::graph
