// Runs nodes one by one on tensors: constant folding and the op tests. Not an executor: it prepares
// each kernel anew.
#pragma once

#include <map>
#include <vector>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"

namespace temper::graph {

// The values of `wanted`, in plain layout, given graph inputs (and any other values) in `known`.
// Variables take their initial values unless given. Threads: that many for kernels that use any.
// THROWS: kUnsupported when a kernel is missing, kInternal when an input is not given.
std::vector<Tensor> evaluate(const Graph& graph, const Backend& backend,
                             const std::map<ValueId, Tensor>& known,
                             const std::vector<ValueId>& wanted, int threads = 1);

// One node whose present inputs are all constants: its outputs (undefined tensors for those left
// out).
std::vector<Tensor> evaluate_constant_node(const Graph& graph, const Backend& backend, NodeId node);

// The query lowering and evaluation put to the kernel table, with the layouts of `layouts` (per
// input).
OpQuery make_query(const Graph& graph, NodeId node, int threads);

}  // namespace temper::graph
