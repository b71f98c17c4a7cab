#include "backends/cpu/transpose_loops.h"

#include <cstring>

#include "backends/cpu/instruction_sets.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kTile = 8;
using Words [[gnu::vector_size(32)]] = std::uint32_t;

// Eight rows of eight: pairs of elements, then of pairs, then of halves change places.
[[gnu::always_inline]] inline void transpose_tile(const std::uint32_t* from, std::int64_t from_row,
                                                  std::uint32_t* to, std::int64_t to_row) {
  Words r[kTile], t[kTile], u[kTile];
  for (std::int64_t i = 0; i < kTile; ++i) {
    std::memcpy(&r[i], from + i * from_row, sizeof r[i]);
  }
  for (int i = 0; i < kTile; i += 2) {
    t[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    t[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int i = 0; i < kTile; i += 4) {
    for (int k = 0; k < 2; ++k) {
      u[i + 2 * k] = __builtin_shufflevector(t[i + k], t[i + k + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      u[i + 2 * k + 1] =
          __builtin_shufflevector(t[i + k], t[i + k + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  for (int i = 0; i < kTile / 2; ++i) {
    const Words upper = __builtin_shufflevector(u[i], u[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    const Words lower = __builtin_shufflevector(u[i], u[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    std::memcpy(to + i * to_row, &upper, sizeof upper);
    std::memcpy(to + (i + 4) * to_row, &lower, sizeof lower);
  }
}

}  // namespace

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void transpose_words(const void* from, std::int64_t from_row, void* to, std::int64_t to_row,
                     std::int64_t rows, std::int64_t columns) {
  const auto* x = static_cast<const std::uint32_t*>(from);
  auto* y = static_cast<std::uint32_t*>(to);
  const auto copy = [&](std::int64_t i, std::int64_t j) {
    std::memcpy(y + j * to_row + i, x + i * from_row + j, sizeof *y);
  };
  const std::int64_t whole_rows = rows / kTile * kTile, whole_columns = columns / kTile * kTile;
  for (std::int64_t i = 0; i < whole_rows; i += kTile) {
    for (std::int64_t j = 0; j < whole_columns; j += kTile) {
      transpose_tile(x + i * from_row + j, from_row, y + j * to_row + i, to_row);
    }
    for (std::int64_t j = whole_columns; j < columns; ++j) {
      for (std::int64_t k = i; k < i + kTile; ++k) {
        copy(k, j);
      }
    }
  }
  for (std::int64_t i = whole_rows; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      copy(i, j);
    }
  }
}

}  // namespace temper::cpu
