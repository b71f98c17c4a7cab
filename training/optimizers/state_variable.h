// Variables that live beside a parameter: moments, accumulators, averages.
#pragma once

#include <string_view>

#include "graph/ir/graph.h"

namespace temper::training {

// A variable of this kind and slot of the shape and type of `of`, zero at first, in its layout and,
// where `of` has a place in a flat buffer, in the same place of a parallel one. `part`: what it is
// called. Not added yet.
graph::Variable state_beside(const graph::Graph& graph, graph::VariableId of,
                             graph::VariableKind kind, int slot, std::string_view part);

}  // namespace temper::training
