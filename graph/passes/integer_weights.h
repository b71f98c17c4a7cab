// Weights of products that are 8-bit integers with a scale.
#pragma once

#include <optional>
#include <vector>

#include "graph/ir/graph.h"

namespace temper::graph {

struct IntegerWeight {
  ValueId value;  // i8; invalid: `constant`
  Tensor constant;
  ValueId scale;            // f32, one number or one for each output; invalid: 1
  bool transposed = false;  // of a matrix: [outputs, inputs]
};

// What input 1 of a product was made of, if that is the same in every run (`settled`, per value)
// and its zero point is 0.
std::optional<IntegerWeight> integer_weight(const Graph& graph, const Node& product,
                                            const std::vector<bool>& settled);

}  // namespace temper::graph
