// Attention that an exporter wrote out, softmax(scale q k^T + bias) v as products, factors and a
// sum, becomes one node that never keeps the [queries, keys] scores. Before differentiation: the
// gradient is then that node's own. A bias that is trained stays as it is written.
#pragma once

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"

namespace temper::graph {

// REQUIRES: all shapes are known. `reference` evaluates masks that are made of constants: where one
// lets each query see the keys up to its own place, it becomes an attribute.
void fuse_attention(Graph& graph, const Backend& reference);

}  // namespace temper::graph
