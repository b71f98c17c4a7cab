// Which scale an element has, how a real number becomes an integer, and elements of any type read
// as double: shared by the kernels of quantised ops.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/backend/kernel.h"
#include "runtime/base/dtype_visit.h"
#include "runtime/base/narrow_types.h"
#include "runtime/base/one_number.h"

namespace temper::reference {

using ReadElement = double (*)(const void* tensor, std::int64_t at);

template <DType kType>
double read_code(const void* tensor, std::int64_t at) {
  return narrow_values(kType)[static_cast<const std::uint8_t*>(tensor)[at]];
}

inline ReadElement reader_of(DType dtype) {
  if (is_narrow(dtype)) {
    return visit_narrow(dtype, []<DType kType>() -> ReadElement { return read_code<kType>; });
  }
  return visit_any(dtype, []<class T>() -> ReadElement {
    return [](const void* tensor, std::int64_t at) {
      return convert_element<double>(static_cast<const T*>(tensor)[at]);
    };
  });
}

using WriteElement = void (*)(void* tensor, std::int64_t at, double value);

// `value` is one that the type has, or a float to round.
inline WriteElement writer_of(DType dtype) {
  if (is_narrow(dtype)) {
    return visit_narrow(dtype, []<DType kType>() -> WriteElement {
      return [](void* tensor, std::int64_t at, double value) {
        static_cast<std::uint8_t*>(tensor)[at] = narrow_code(kType, value, {.saturate = false});
      };
    });
  }
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

// The numbers of a quantised type: the integers of a range, or those of a narrow float.
struct QuantizedRange {
  double low = 0, high = 255;
  DType narrow_float = DType::kUndefined;
  bool saturate = true;  // a narrow float's highest number takes what lies above it
};

inline QuantizedRange range_of(DType dtype, bool saturate = true) {
  if (is_narrow(dtype)) {
    return {narrow_lowest(dtype), narrow_highest(dtype),
            is_narrow_float(dtype) ? dtype : DType::kUndefined, saturate};
  }
  return visit_integer(dtype, []<class T>() {
    return QuantizedRange{static_cast<double>(std::numeric_limits<T>::min()),
                          static_cast<double>(std::numeric_limits<T>::max())};
  });
}

// saturate(round(quotient) + zero): to the nearest, ties to even; NaN counts as 0 where there is no
// NaN.
inline double quantized(double quotient, double zero, const QuantizedRange& range) {
  if (range.narrow_float != DType::kUndefined) {
    const NarrowRounding rounding{.saturate = range.saturate};
    return narrow_values(
        range.narrow_float)[narrow_code(range.narrow_float, quotient + zero, rounding)];
  }
  const double rounded = std::isnan(quotient) ? 0 : std::nearbyint(quotient);
  return std::clamp(rounded + zero, range.low, range.high);
}

// Whether nothing is cut off.
inline bool is_inside(double quotient, double zero, const QuantizedRange& range) {
  const double whole =
      range.narrow_float != DType::kUndefined ? quotient : std::nearbyint(quotient);
  return whole + zero >= range.low && whole + zero <= range.high;
}

// One scale for all, one for each entry of an axis, or one for each block of an axis.
struct ScaleMap {
  std::int64_t dim = 1, inner = 1;  // of the axis, behind it
  std::int64_t block = 1, blocks = 1;
  bool single = true, blocked = false;

  ScaleMap(const Attrs& attrs, const Shape& x, const Shape& scale) {
    single = is_one_number(scale);
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
