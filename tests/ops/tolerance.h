// The tolerances of the op suite, in one place: |actual - expected| <= absolute + relative *
// |expected|.
#pragma once

#include "runtime/base/dtype.h"

namespace temper::op_suite {

struct Tolerance {
  double absolute = 0;
  double relative = 0;
};

// A result rounded once to the dtype from a wide accumulator, with a few roundings of elementary
// functions.
inline Tolerance closed_form_tolerance(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return {2e-6, 4e-6};
    case DType::kFloat64:
      return {1e-12, 1e-11};
    case DType::kFloat16:
      return {1e-3, 1e-3};
    case DType::kBFloat16:
      return {8e-3, 8e-3};
    default:
      return {};  // integers and bool are exact
  }
}

// Another backend sums in another order and in float32.
inline Tolerance backend_tolerance(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return {1e-5, 1e-5};
    case DType::kFloat64:
      return {1e-11, 1e-11};
    default:
      return closed_form_tolerance(dtype);
  }
}

// torch.autograd.gradcheck's defaults.
inline constexpr double kGradientStep = 1e-6;
inline constexpr Tolerance kGradientTolerance{1e-5, 1e-3};

}  // namespace temper::op_suite
