// Attention that an exporter wrote out, softmax(scale q k^T + bias) v as products, factors and
// sums, becomes one node that never keeps the [queries, keys] scores. Before differentiation: the
// gradient is then that node's own. Biases may be trained, keys hidden by a choice, shares dropped,
// and what a guard writes over shares that are NaN is the node's own zero.
#pragma once

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"

namespace temper::graph {

// REQUIRES: all shapes are known. `reference` evaluates masks that are made of constants: where one
// lets each query see the keys up to its own place, it becomes an attribute.
void fuse_attention(Graph& graph, const Backend& reference);

}  // namespace temper::graph
