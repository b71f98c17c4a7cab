// How far apart two tensors are, in the measures that people ask for.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "runtime/memory/tensor.h"

namespace temper::training {

struct TensorDifference {
  bool equal = false;  // every value, where both are NaN too
  std::int64_t elements = 0;
  std::int64_t differing = 0;
  double largest = 0;  // infinite where one is finite and the other is not
  double mean = 0;
  double largest_value = 0;  // of the first one's finite values, without sign
  double cosine = 1;         // of the angle between both; 1 where both are zero
  // The most numbers of the type that lie between two values; only of floats, where both are
  // finite.
  std::optional<double> ulps;

  // Measured by the first one's largest value.
  double relative() const { return largest == 0 ? 0 : largest / (largest_value + 1e-30); }
  bool within(double tolerance) const { return relative() <= tolerance; }
};

// `type`: what ulps count in, "f32", "f16", "bf16" or "f64"; others: none are counted. REQUIRES:
// equal shapes. COST: a few thousand values at a time beside the tensors.
TensorDifference tensor_difference(const Tensor& a, const Tensor& b, std::string_view type);

}  // namespace temper::training
