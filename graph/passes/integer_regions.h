// Evaluation of models with 8-bit weights: products of values that were rounded to bytes are
// computed in bytes, and what lies between one rounding and the next stays in bytes, where the
// backend has kernels for it:
//   product(x rounded and back, weight of i8 scaled)    one op; rounded at once where it is read so
//   Add, Relu between roundings                         one op
//   MaxPool, Reshape, Transpose, Concat of such values  of the bytes
// A rounding keeps its scale and place, so results differ from those in floats by the rounding of
// sums alone: products of bytes are exact.
#pragma once

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"

namespace temper::graph {

// `backend`: the one that runs the plan. Does nothing where that is faster in floats.
void use_integer_regions(Graph& graph, const Backend& backend);

}  // namespace temper::graph
