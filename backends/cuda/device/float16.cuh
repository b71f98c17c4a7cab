// 16-bit floats in kernels, and the types that kernels store.
#pragma once

#include "backends/cuda/launch.cuh"

// Behind the kernel language.
#include "backends/cuda/device/stored_floats.cuh"
#include "runtime/base/dtype.h"

namespace temper::cuda {

// Calls f with an element of a float type that kernels store: f32, f16 or bf16.
template <class F>
void visit_stored(DType dtype, const F& f) {
  switch (dtype) {
    case DType::kFloat16:
      return f(Float16Bits{});
    case DType::kBFloat16:
      return f(BFloat16Bits{});
    default:
      return f(float{});
  }
}

}  // namespace temper::cuda
