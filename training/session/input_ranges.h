// Which whole numbers a model's inputs may hold: an embedding has so many rows and no more.
#pragma once

#include <map>
#include <string>

#include "graph/ir/graph.h"
#include "training/data/dataset.h"

namespace temper::training {

// What an input picks rows of.
struct PickedTable {
  std::string name;  // the tensor's, or the node's where it has none
  std::int64_t rows = 0;
};

// The smallest table that each integer input picks rows of directly (Gather).
std::map<std::string, PickedTable> picked_tables(const graph::Graph& graph);

// Every index in the data is a row of its table, counted from 0 or, where that is allowed, from -1
// back from its end. COST: a pass over the integer inputs. THROWS: kInvalidData with the place and
// the value.
void check_indices(const graph::Graph& graph, const Dataset& data, bool allow_negative);

}  // namespace temper::training
