// Replaces ops of other domains, and ops that have no kernel of their own on the fast backends by
// their expansions.
#pragma once

#include "graph/ir/graph.h"

namespace temper::graph {

// Every node whose op is marked expanded_in_plans(). Origins stay those of the node.
void expand_ops(Graph& graph);

// Every op of another domain than ONNX's: what is done to a model for training then sees ops of
// ONNX alone. Shapes are known.
void expand_foreign_ops(Graph& graph);

}  // namespace temper::graph
