// The sizes a model's file leaves open, as the data have them.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "graph/ir/graph.h"
#include "training/data/dataset.h"

namespace temper::training {

// Dimensions of the inputs without a size and a name, other than the batch, are as in the data.
void bind_unnamed(graph::Graph& graph, const Dataset& data);

// Symbolic dimensions of the inputs, other than the batch, as the data's rows have them.
std::map<std::string, std::int64_t> symbols_of(const graph::Graph& graph, const Dataset& data);

}  // namespace temper::training
