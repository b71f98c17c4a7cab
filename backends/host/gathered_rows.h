// Rows that Gather picks along an axis, and what stands where an index names none.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "runtime/backend/kernel.h"
#include "runtime/base/dtype_visit.h"

namespace temper {

struct GatheredRows {
  std::int64_t outer = 1;  // elements before the axis
  std::int64_t dim = 0;    // size of the axis
  std::int64_t inner = 1;  // elements behind it
  std::int64_t picks = 0;  // number of indices

  // Of Gather and GatherGrad, whose attributes and indices (input 1) are the same.
  GatheredRows(const OpQuery& query, const Shape& data) {
    const int axis = static_cast<int>(query.attrs->get_int("axis", 0));
    outer = data.count(0, axis);
    dim = data[axis];
    inner = data.count(axis + 1, data.rank());
    picks = query.inputs[1].shape.element_count();
  }

  // The position on the axis, or -1.
  std::int64_t row(std::int64_t index) const {
    const std::int64_t row = index < 0 ? index + dim : index;
    return row < dim ? std::max<std::int64_t>(row, -1) : -1;
  }
};

// The bits of what stands where an index names nothing: NaN, or 0 for types without it.
inline std::uint64_t bits_of_missing(DType dtype) {
  return visit_any(dtype, []<class T>() -> std::uint64_t {
    if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
      return bits_of(T(std::numeric_limits<float>::quiet_NaN()));
    } else if constexpr (std::is_floating_point_v<T>) {
      return bits_of(std::numeric_limits<T>::quiet_NaN());
    } else {
      return 0;
    }
  });
}

}  // namespace temper
