// The values that variables begin with, from a graph or its file into the store.
#pragma once

#include "graph/ir/graph.h"
#include "runtime/exec/variable_store.h"

namespace temper::graph {

// Sets variable `id` of the store to what `variable` begins with, if that is no zeros; what lies in
// a file is read piece by piece. THROWS: kInvalidModel when the shape differs or the file is cut.
void set_initial_value(VariableStore& store, int id, const Variable& variable);

}  // namespace temper::graph
