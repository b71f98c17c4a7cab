// What the pass on regions of bytes looks for: products of floats that may become products of
// bytes, and nodes that round floats to 8 bits with one scale, make floats of u8 again, or do both.
#pragma once

#include <cstddef>

#include "graph/ir/graph.h"

namespace temper::graph {

bool has_operand(const Node& node, std::size_t i);

bool is_product(const Graph& graph, const Node& node);
bool is_rounding(const Graph& graph, const Node& node);
bool is_unrounding(const Graph& graph, const Node& node);
bool is_round_trip(const Graph& graph, const Node& node);
// Whether the value is such a float, or one that a scale divides.
bool reads_rounded(const Graph& graph, ValueId id);

}  // namespace temper::graph
