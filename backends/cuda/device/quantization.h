// Which scale an element has and how a real number becomes an integer: as
// backends/reference/quantization.h, for types that are integers.
#pragma once

#include <cstdint>

namespace temper::cuda {

// One scale for all, one for each entry of an axis, or one for each block of an axis.
struct ScalePlaces {
  std::int64_t dim = 1, inner = 1;  // of the axis, behind it
  std::int64_t block = 1, blocks = 1;
  bool single = true, blocked = false;

  constexpr std::int64_t at(std::int64_t i) const {
    if (single) {
      return 0;
    }
    const std::int64_t along = i / inner % dim;
    return blocked ? (i / inner / dim * blocks + along / block) * inner + i % inner : along;
  }
};

struct IntegerRange {
  double low = 0, high = 255;
};

}  // namespace temper::cuda
