#include "runtime/memory/finite_values.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

namespace temper {
namespace {

// By the exponent, which is all ones in what is not finite: a loop over whole registers.
template <class T>
bool all_finite(const T* values, std::int64_t count) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr Bits kExponent = std::bit_cast<Bits>(std::numeric_limits<T>::infinity());
  std::int64_t bad = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    bad += (std::bit_cast<Bits>(values[i]) & kExponent) == kExponent ? 1 : 0;
  }
  return bad == 0;
}

template <class T>
bool any_nan(const T* values, std::int64_t count) {
  return std::any_of(values, values + count, [](T x) { return std::isnan(x); });
}

}  // namespace

bool all_finite(DType dtype, const void* data, std::int64_t count) {
  switch (dtype) {
    case DType::kFloat32:
      return all_finite(static_cast<const float*>(data), count);
    case DType::kFloat64:
      return all_finite(static_cast<const double*>(data), count);
    default:
      return true;
  }
}

bool any_nan(DType dtype, const void* data, std::int64_t count) {
  switch (dtype) {
    case DType::kFloat32:
      return any_nan(static_cast<const float*>(data), count);
    case DType::kFloat64:
      return any_nan(static_cast<const double*>(data), count);
    default:
      return false;
  }
}

}  // namespace temper
