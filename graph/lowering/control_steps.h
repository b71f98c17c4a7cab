// Kernels of nodes with bodies: each body becomes a plan of its own.
#pragma once

#include "graph/ir/graph.h"
#include "graph/lowering/lower.h"

namespace temper::graph {

// THROWS: kUnsupported where the backend's memory is not the host's; as lower().
SelectedKernel prepare_control(const Node& node, const OpQuery& query, const Backend& backend,
                               const LowerOptions& options);

}  // namespace temper::graph
