// What becomes of a tensor's values in 16 bits.
#pragma once

#include <cstdint>

#include "runtime/memory/plain_pieces.h"

namespace temper::graph {

// Above it a value of float32 stands for infinity, as in masks.
inline constexpr double kStandsForInfinity = 1e30;

struct WeightRange {
  std::int64_t elements = 0;
  double largest = 0;          // without what stands for infinity and what is not finite
  std::int64_t infinite = 0;   // finite values that stand for infinity
  std::int64_t underflow = 0;  // values that become 0
};

// REQUIRES: float32.
WeightRange range_of(const PlainValue& value, DType type);

// Magnitudes of at most `limit`, what is not finite as it is.
PlainValue clamped(PlainValue value, double limit);
Tensor clamped(const Tensor& value, double limit);

}  // namespace temper::graph
