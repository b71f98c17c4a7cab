// Which scale an element has, how a real number becomes an integer, and elements of any type read
// as double: shared by the kernels of quantised ops.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/backend/kernel.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {

using ReadElement = double (*)(const void* tensor, std::int64_t at);

inline ReadElement reader_of(DType dtype) {
  return visit_any(dtype, []<class T>() -> ReadElement {
    return [](const void* tensor, std::int64_t at) {
      return convert_element<double>(static_cast<const T*>(tensor)[at]);
    };
  });
}

using WriteElement = void (*)(void* tensor, std::int64_t at, double value);

// `value` is one that the type has, or a float to round.
inline WriteElement writer_of(DType dtype) {
  return visit_any(dtype, []<class T>() -> WriteElement {
    return [](void* tensor, std::int64_t at, double value) {
      static_cast<T*>(tensor)[at] = convert_element<T>(value);
    };
  });
}

// A float type's nearest number.
inline double rounded_to(DType dtype, double value) {
  return visit_any_float(
      dtype, [&]<class T>() { return convert_element<double>(convert_element<T>(value)); });
}

struct IntegerRange {
  double low = 0, high = 255;
};

inline IntegerRange range_of(DType dtype) {
  return visit_integer(dtype, []<class T>() {
    return IntegerRange{static_cast<double>(std::numeric_limits<T>::min()),
                        static_cast<double>(std::numeric_limits<T>::max())};
  });
}

// saturate(round(quotient) + zero): to the nearest, ties to even; NaN counts as 0.
inline double quantized(double quotient, double zero, IntegerRange range) {
  const double rounded = std::isnan(quotient) ? 0 : std::nearbyint(quotient);
  return std::clamp(rounded + zero, range.low, range.high);
}

// One scale for all, one for each entry of an axis, or one for each block of an axis.
struct ScaleMap {
  std::int64_t dim = 1, inner = 1;  // of the axis, behind it
  std::int64_t block = 1, blocks = 1;
  bool single = true, blocked = false;

  ScaleMap(const Attrs& attrs, const Shape& x, const Shape& scale) {
    single = scale.element_count() == 1 && scale.rank() <= 1;
    if (!single) {
      const int axis = static_cast<int>(attrs.get_int("axis", 0));
      dim = x[axis];
      inner = x.count(axis + 1, x.rank());
      blocked = attrs.get_int("block_size", 0) > 0;
      block = std::max<std::int64_t>(1, attrs.get_int("block_size", 0));
      blocks = scale.rank() == x.rank() ? scale[axis] : dim;
    }
  }
  // The place of the scale of element i.
  std::int64_t at(std::int64_t i) const {
    if (single) {
      return 0;
    }
    const std::int64_t along = i / inner % dim;
    return blocked ? (i / inner / dim * blocks + along / block) * inner + i % inner : along;
  }
};

}  // namespace temper::reference
