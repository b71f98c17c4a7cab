// Multidirectional broadcasting (ONNX, NumPy).
#pragma once

#include <vector>

#include "runtime/base/shape.h"

namespace temper::graph {

// THROWS: kInvalidModel showing both shapes when they do not broadcast.
Shape broadcast(const Shape& a, const Shape& b);

// The axes of `large` over which a gradient must be summed to get back to `small`.
std::vector<std::int64_t> broadcast_axes(const Shape& small, const Shape& large);

}  // namespace temper::graph
