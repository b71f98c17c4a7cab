// Adding to sums in fixed point.
#pragma once

#include <cmath>

#include "backends/cuda/device/fixed_sums.h"
#include "backends/cuda/launch.cuh"

namespace temper::cuda {

// Fractions of a number are counted up to 2^-bits.
__device__ __forceinline__ int fraction_bits(const FixedSums& sums) {
  return *sums.top == FixedSums::kNothing ? 0 : 61 - sums.spare - *sums.top;
}

__device__ __forceinline__ void add_to(const FixedSums& sums, std::int64_t at, double value) {
  if (value - value != 0) {  // infinite, or none
    atomicOr(sums.special + at, value != value ? FixedSums::kNan
                                : value > 0    ? FixedSums::kInfinity
                                               : FixedSums::kMinusInfinity);
    return;
  }
  const double counted = std::nearbyint(std::ldexp(value, fraction_bits(sums)));
  atomicAdd(sums.sums + at, static_cast<unsigned long long>(static_cast<long long>(counted)));
}

__device__ __forceinline__ double value_of(const FixedSums& sums, std::int64_t at) {
  const int special = sums.special[at];
  if (special == FixedSums::kInfinity) {
    return static_cast<double>(INFINITY);
  }
  if (special == FixedSums::kMinusInfinity) {
    return -static_cast<double>(INFINITY);
  }
  if (special != 0) {
    return static_cast<double>(NAN);
  }
  return std::ldexp(static_cast<double>(static_cast<long long>(sums.sums[at])),
                    -fraction_bits(sums));
}

}  // namespace temper::cuda
