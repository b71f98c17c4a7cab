// Folds a Relu, or a Clip from 0 to a constant (ReLU6), into the node before it (attributes of
// runtime/base/rectifier.h), after differentiation: its gradient reads its output, which the fused
// node still gives.
#pragma once

#include <optional>

#include "graph/ir/graph.h"
#include "runtime/base/rectifier.h"

namespace temper::graph {

// What a Relu computes, or a Clip between 0 and a constant.
std::optional<Rectifier> rectifier_in(const Node& node);

// Nodes whose op takes a Relu (OpDef::takes_relu), when the Relu is the only reader. One that saves
// the mask: when its gradient is also fed by that Relu's gradient alone; then both carry relu = 1.
// Not into products where a stored tensor holds NaN: those of libraries make 0 of it, and a broken
// weight shall show.
void fuse_relu(Graph& graph);

}  // namespace temper::graph
