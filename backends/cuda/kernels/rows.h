// A tensor as rows along one axis: [outer, length, inner], elements of a row `inner` apart.
#pragma once

#include <cstdint>

namespace temper::cuda {

struct AxisRows {
  std::int64_t outer = 1, length = 1, inner = 1;

  constexpr std::int64_t count() const { return outer * inner; }
  // The first element of a row.
  constexpr std::int64_t first(std::int64_t row) const {
    return row / inner * length * inner + row % inner;
  }
};

}  // namespace temper::cuda
