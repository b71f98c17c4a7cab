// Which values are the same in every run of a plan: what does not depend on inputs, on random
// numbers, or on variables that the plan itself changes. Lowering computes them once (plan.h), so
// a pass may put work there.
#pragma once

#include <vector>

#include "graph/ir/graph.h"

namespace temper::graph {

// Per variable index: those of the model or of its teacher that no update binding of the graph
// writes. What other plans and the host do to them is seen when it is done
// (VariableStore::changes).
std::vector<bool> settled_variables(const Graph& graph);
// Whether a node gives the same for the same inputs, and has some.
bool repeats(const Node& node);
// Per value index.
std::vector<bool> settled_values(const Graph& graph);

// Convolutions in float32 of such weights get the attribute settled_weight = 1: kernels may bring
// the weight into a form that costs more than one run. The last pass.
void mark_settled_weights(Graph& graph);

}  // namespace temper::graph
