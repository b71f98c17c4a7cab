// What products cost beside reading and writing their tensors, in floating-point operations.
#pragma once

#include "graph/ir/graph.h"

namespace temper::graph {

inline double element_count(const Graph& graph, ValueId id) {
  return id.valid() ? static_cast<double>(graph.value(id).shape.element_count()) : 0;
}

inline double last_dim(const Graph& graph, ValueId id) {
  const Shape& shape = graph.value(id).shape;
  return shape.rank() > 0 ? static_cast<double>(shape[shape.rank() - 1]) : 1;
}

// Each output of a convolution takes the weights of its channel once.
inline double convolution_work(const Graph& graph, ValueId y, ValueId weights) {
  const Shape& w = graph.value(weights).shape;
  const auto channels = static_cast<double>(w.rank() > 0 ? w[0] : 1);
  return channels > 0 ? 2 * element_count(graph, y) * element_count(graph, weights) / channels : 0;
}

}  // namespace temper::graph
