// One element converted to another type, defined for every value: floats out of an integer type's
// range become its nearest end, NaN becomes 0, or the smallest number of an i32 or i64 (as on x86,
// so in NumPy and PyTorch: an index that is none is then seen as one); integers wrap; anything but
// 0 is true.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "runtime/base/dtype_visit.h"

namespace temper {

template <class T, class S>
T cast_element(S value) {
  if constexpr (std::is_same_v<S, Float16> || std::is_same_v<S, BFloat16>) {
    if constexpr (std::is_same_v<T, S>) {
      return value;
    } else {
      return cast_element<T>(static_cast<float>(value));
    }
  } else if constexpr (std::is_floating_point_v<S> && std::is_integral_v<T> &&
                       !std::is_same_v<T, bool>) {
    // 2^digits is exact in every float type, unlike the largest value itself.
    constexpr S kUpper =
        static_cast<S>(std::uint64_t{1} << (std::numeric_limits<T>::digits - 1)) * 2;
    constexpr S kLower = std::is_signed_v<T> ? -kUpper : S(0);
    if (std::isnan(value)) {
      return std::is_signed_v<T> && sizeof(T) >= 4 ? std::numeric_limits<T>::min() : T(0);
    }
    if (value >= kUpper) {
      return std::numeric_limits<T>::max();
    }
    return value <= kLower ? std::numeric_limits<T>::min() : static_cast<T>(value);
  } else {
    return convert_element<T>(value);
  }
}

}  // namespace temper
