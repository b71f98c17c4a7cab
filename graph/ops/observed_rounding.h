// ObservedRounding nodes in a graph as it was imported: put in the place of rounding by stored
// scales, and taken out again.
#pragma once

#include <map>

#include "graph/ir/graph.h"

namespace temper::graph {

// Where the ends of a value's range and a learnt scale are; invalid: there is none.
struct RoundingState {
  VariableId low, high, scale;
};

// Node `id`, which rounds and unrounds its input 0, becomes an ObservedRounding with these
// attributes (infer_observed_rounding() names them).
void observe_rounding(Graph& graph, NodeId id, const RoundingState& state, Attrs attrs);

// Takes all of them out: the values are floats again. Gives the values that have ranges, by the
// variable of the low end; of several with one range the first.
std::map<VariableId, ValueId> leave_out_rounding(Graph& graph);

}  // namespace temper::graph
