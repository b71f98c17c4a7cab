// Which rows of a batch are a rank's, where several ranks train together: as many for each, one
// more for the first ones where it does not divide.
#pragma once

#include <algorithm>
#include <cstdint>

namespace temper {

struct RowShare {
  std::int64_t first = 0;
  std::int64_t rows = 0;

  static RowShare of(std::int64_t all, int rank, int ranks) {
    const std::int64_t each = all / ranks, more = all % ranks;
    return {each * rank + std::min<std::int64_t>(rank, more), each + (rank < more ? 1 : 0)};
  }
};

}  // namespace temper
