// Matrices turned over against their definition: whole tiles, borders and steps between rows.
#include "backends/cpu/transpose_loops.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace temper::cpu {
namespace {

TEST(TransposeWords, EachElementIsWhereItsIndicesChangePlaces) {
  constexpr std::int64_t kFromRow = 70, kToRow = 40;
  std::vector<std::int32_t> from(40 * kFromRow);
  std::iota(from.begin(), from.end(), 1);
  for (const std::int64_t rows : {0, 1, 7, 8, 9, 16, 33}) {
    for (const std::int64_t columns : {0, 1, 5, 8, 23, 64, 67}) {
      std::vector<std::int32_t> to(68 * kToRow, -1), expected = to;
      transpose_words(from.data(), kFromRow, to.data(), kToRow, rows, columns);
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) {
          expected[static_cast<std::size_t>(j * kToRow + i)] =
              from[static_cast<std::size_t>(i * kFromRow + j)];
        }
      }
      EXPECT_EQ(to, expected) << rows << " x " << columns;
    }
  }
}

}  // namespace
}  // namespace temper::cpu
