// Variables that live beside a parameter: moments, accumulators, averages.
#pragma once

#include <string>
#include <string_view>

#include "graph/ir/graph.h"

namespace temper::training {

// A state variable PREFIX name SUFFIX of the shape and type of `of`, zero at first, in its layout
// and, where `of` has a place in a flat buffer, in the same place of a parallel one. Not added yet.
graph::Variable state_beside(const graph::Graph& graph, graph::VariableId of,
                             std::string_view prefix, std::string_view suffix);

}  // namespace temper::training
