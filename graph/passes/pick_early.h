// One place along an axis that is picked of a value which was only moved before (its axes permuted,
// its shape changed, a part taken that is all of it), as the last step of a recurrent layer is, is
// picked first: what is not picked then never moves, and neither does its gradient. Before
// differentiation.
#pragma once

#include "graph/ir/graph.h"

namespace temper::graph {

// Parts that are the whole value are dropped wherever they are. REQUIRES: all shapes are known.
void pick_early(Graph& graph);

}  // namespace temper::graph
