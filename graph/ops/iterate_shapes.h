// Shapes of what a node that repeats a body gives.
#pragma once

#include "graph/ir/body.h"

namespace temper::graph {

inline const Value& body_output(const Node& node, std::size_t i) {
  const Graph& body = node.bodies.at(0)->graph;
  return body.value(body.outputs.at(i).value);
}

inline Shape stacked_shape(std::int64_t steps, const Shape& slice) {
  Shape shape = {steps};
  for (const std::int64_t dim : slice) {
    shape.push_back(dim);
  }
  return shape;
}

}  // namespace temper::graph
