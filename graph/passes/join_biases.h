// A vector that is added to a product with a matrix, as exporters write the bias of a linear layer,
// becomes part of the product (Gemm's C): no pass over the outputs is made for it, its gradient is
// made with the weight's, and in mixed precision it is cast with the weight. Before
// differentiation: the gradient is then that of the new node.
#pragma once

#include "graph/ir/graph.h"

namespace temper::graph {

// REQUIRES: all shapes are known; linear layers are Gemms where turn_weights makes them so.
void join_biases(Graph& graph);

}  // namespace temper::graph
