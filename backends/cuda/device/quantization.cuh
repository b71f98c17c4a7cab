// Rounding to the integers of a range.
#pragma once

#include <cmath>

#include "backends/cuda/device/quantization.h"
#include "backends/cuda/launch.cuh"

namespace temper::cuda {

// saturate(round(quotient) + zero): to the nearest, ties to even; NaN counts as 0.
__device__ __forceinline__ double quantized(double quotient, double zero,
                                            const IntegerRange& range) {
  const double value = (quotient != quotient ? 0 : std::nearbyint(quotient)) + zero;
  return value < range.low ? range.low : value > range.high ? range.high : value;
}

// Whether nothing is cut off.
__device__ __forceinline__ bool is_inside(double quotient, double zero, const IntegerRange& range) {
  const double value = std::nearbyint(quotient) + zero;
  return value >= range.low && value <= range.high;
}

}  // namespace temper::cuda
