// Elements of a type that is known when the kernel runs, as double or as 64 bits: for kernels whose
// types are many and whose arithmetic is the same for all. A branch that all threads take alike.
#pragma once

#include "backends/cuda/device/numbers.cuh"
#include "runtime/base/dtype.h"

namespace temper::cuda {

// Calls f with a value of the type; narrow integers lie in bytes.
template <class F>
__device__ __forceinline__ void visit_number(DType dtype, const F& f) {
  switch (dtype) {
    case DType::kFloat32:
      return f(float{});
    case DType::kFloat64:
      return f(double{});
    case DType::kInt8:
    case DType::kInt4:
    case DType::kInt2:
      return f(std::int8_t{});
    case DType::kInt16:
      return f(std::int16_t{});
    case DType::kInt32:
      return f(std::int32_t{});
    case DType::kInt64:
      return f(std::int64_t{});
    case DType::kUInt16:
      return f(std::uint16_t{});
    case DType::kUInt32:
      return f(std::uint32_t{});
    case DType::kUInt64:
      return f(std::uint64_t{});
    case DType::kBool:
      return f(bool{});
    default:
      return f(std::uint8_t{});
  }
}

__device__ __forceinline__ double read_number(DType dtype, const void* x, std::int64_t i) {
  if (dtype == DType::kFloat16) {
    return static_cast<double>(widened(static_cast<const Float16Bits*>(x)[i]));
  }
  if (dtype == DType::kBFloat16) {
    return static_cast<double>(widened(static_cast<const BFloat16Bits*>(x)[i]));
  }
  double value = 0;
  visit_number(dtype,
               [&]<class T>(T) { value = static_cast<double>(static_cast<const T*>(x)[i]); });
  return value;
}

// As cast_number() converts.
__device__ __forceinline__ void write_number(DType dtype, void* y, std::int64_t i, double value) {
  if (dtype == DType::kFloat16) {
    static_cast<Float16Bits*>(y)[i] = to_float16(static_cast<float>(value));
  } else if (dtype == DType::kBFloat16) {
    static_cast<BFloat16Bits*>(y)[i] = to_bfloat16(static_cast<float>(value));
  } else {
    visit_number(dtype, [&]<class T>(T) { static_cast<T*>(y)[i] = cast_number<T>(value); });
  }
}

// A float type's nearest number.
__device__ __forceinline__ double rounded_to(DType dtype, double value) {
  switch (dtype) {
    case DType::kFloat32:
      return static_cast<double>(static_cast<float>(value));
    case DType::kFloat16:
      return static_cast<double>(widened(to_float16(static_cast<float>(value))));
    case DType::kBFloat16:
      return static_cast<double>(widened(to_bfloat16(static_cast<float>(value))));
    default:
      return value;
  }
}

}  // namespace temper::cuda
