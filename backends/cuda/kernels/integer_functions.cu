// A thread per element; the type and the function are branches that all threads take alike.
#include "backends/cuda/device/any_type.cuh"
#include "backends/cuda/kernels/integer_functions.h"

namespace temper::cuda {
namespace {

template <class T>
__device__ constexpr bool is_negative(T x) {
  if constexpr (std::is_signed_v<T>) {
    return x < T(0);
  } else {
    return false;
  }
}

// Bits that leave the type are lost; a distance below 0 or beyond the type's bits moves all out.
template <class T>
__device__ T shifted(T x, T distance, bool left) {
  const bool all_out = is_negative(distance) || distance >= T(sizeof(T) * 8);
  if (left) {
    return all_out ? T(0)
                   : static_cast<T>(static_cast<std::uint64_t>(x) << static_cast<int>(distance));
  }
  if (all_out) {
    return is_negative(x) ? static_cast<T>(-1) : T(0);
  }
  return static_cast<T>(x >> static_cast<int>(distance));
}

// An integer modulo 0 is 0.
template <class T>
__device__ T truncated_mod(T a, T b) {
  if constexpr (std::is_signed_v<T>) {
    return b == 0 || b == T(-1) ? T(0) : static_cast<T>(a % b);
  } else {
    return b == 0 ? T(0) : static_cast<T>(a % b);
  }
}

template <class T>
__device__ T value_of(IntegerPair pair, T a, T b) {
  switch (pair) {
    case IntegerPair::kAnd:
      return static_cast<T>(a & b);
    case IntegerPair::kOr:
      return static_cast<T>(a | b);
    case IntegerPair::kXor:
      return static_cast<T>(a ^ b);
    case IntegerPair::kShiftLeft:
      return shifted(a, b, true);
    case IntegerPair::kShiftRight:
      return shifted(a, b, false);
    case IntegerPair::kTruncatedMod:
      return truncated_mod(a, b);
    case IntegerPair::kFlooredMod: {
      const T rest = truncated_mod(a, b);
      return rest != T(0) && is_negative(rest) != is_negative(b) ? static_cast<T>(rest + b) : rest;
    }
    default:
      return a > T(0)
                 ? a
                 : static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
  }
}

__global__ void __launch_bounds__(kBlock)
    pair_kernel(IntegerPair pair, DType dtype, const Places<2> places, const void* a, const void* b,
                void* y) {
  const std::int64_t i = thread_number();
  if (i < places.count) {
    visit_number(dtype, [&]<class T>(T) {
      if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
        static_cast<T*>(y)[i] = value_of(pair, static_cast<const T*>(a)[places.find(i, 0)],
                                         static_cast<const T*>(b)[places.find(i, 1)]);
      }
    });
  }
}

__global__ void __launch_bounds__(kBlock)
    not_kernel(DType dtype, const void* x, void* y, std::int64_t count) {
  const std::int64_t i = thread_number();
  if (i < count) {
    visit_number(dtype, [&]<class T>(T) {
      if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
        static_cast<T*>(y)[i] = static_cast<T>(~static_cast<const T*>(x)[i]);
      }
    });
  }
}

__global__ void __launch_bounds__(kBlock)
    shrink_kernel(DType dtype, double bound, double bias, const void* x, void* y,
                  std::int64_t count) {
  const std::int64_t i = thread_number();
  if (i < count) {
    const double real = read_number(dtype, x, i);
    write_number(dtype, y, i, real < -bound ? real + bias : real > bound ? real - bias : 0);
  }
}

}  // namespace

void integer_pair(IntegerPair pair, DType dtype, const Places<2>& places, const void* a,
                  const void* b, void* y, StreamHandle stream) {
  launch_elements(pair_kernel, places.count, stream, pair, dtype, places, a, b, y);
}

void bitwise_not(DType dtype, const void* x, void* y, std::int64_t count, StreamHandle stream) {
  launch_elements(not_kernel, count, stream, dtype, x, y, count);
}

void shrink_integers(DType dtype, double bound, double bias, const void* x, void* y,
                     std::int64_t count, StreamHandle stream) {
  launch_elements(shrink_kernel, count, stream, dtype, bound, bias, x, y, count);
}

}  // namespace temper::cuda
