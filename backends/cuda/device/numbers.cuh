// The conversion of numbers that is defined for every value.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "backends/cuda/device/float16.cuh"

namespace temper::cuda {

// As cast_element() of the reference: floats out of an integer's range become its nearest end, NaN
// becomes 0, or the smallest i32 or i64; integers wrap; anything but 0 is true.
template <class T, class S>
__device__ T cast_number(S value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value != S(0);
  } else if constexpr (std::is_floating_point_v<S> && std::is_integral_v<T>) {
    constexpr S kUpper =
        static_cast<S>(std::uint64_t{1} << (std::numeric_limits<T>::digits - 1)) * 2;
    constexpr S kLower = std::is_signed_v<T> ? -kUpper : S(0);
    if (value != value) {
      return std::is_signed_v<T> && sizeof(T) >= 4 ? std::numeric_limits<T>::min() : T(0);
    }
    if (value >= kUpper) {
      return std::numeric_limits<T>::max();
    }
    return value <= kLower ? std::numeric_limits<T>::min() : static_cast<T>(value);
  } else {
    return static_cast<T>(value);
  }
}

}  // namespace temper::cuda
