// Comparisons of elements of any type, for kernels that look for extrema or sort.
#pragma once

#include <cmath>
#include <type_traits>

#include "runtime/base/float16.h"

namespace temper::reference {

// 16-bit floats compare as floats.
template <class T>
auto comparable(T value) {
  if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
    return static_cast<float>(value);
  } else {
    return value;
  }
}

template <class T>
bool is_nan([[maybe_unused]] T value) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::isnan(value);
  } else {
    return false;
  }
}

// a < b, where NaN is larger than every number.
template <class T>
bool comes_before(T a, T b) {
  return is_nan(b) ? !is_nan(a) : a < b;
}

}  // namespace temper::reference
