#include "backends/cpu/blocked_product.h"

#include <algorithm>

#include "backends/cpu/parallel.h"
#include "backends/cpu/product_loops.h"
#include "backends/cpu/row_loops.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kDepth = 256;            // rows of b in a panel: 32 KB with the widest one
constexpr std::int64_t kLongest = 16 * kDepth;  // sum in one piece: rounding grows with the length
constexpr std::int64_t kMostRows = 256;         // of c that a packed panel is used for
constexpr std::int64_t kFewRows = 4;            // of c: packing would take as long as the product
constexpr std::int64_t kColumns = 256;          // of c that a thread sums at a time without packing

std::int64_t parts_of(std::int64_t whole, std::int64_t part) { return (whole + part - 1) / part; }

// Rows of c in a block: fewer where there are not enough blocks for all threads.
std::int64_t rows_of_a_block(std::int64_t m, std::int64_t panels, int threads) {
  const std::int64_t blocks = parts_of(2 * threads, panels);
  const std::int64_t rows = parts_of(parts_of(m, blocks), 8) * 8;
  return std::clamp<std::int64_t>(rows, 8, kMostRows);
}

// Rows [first, first + rows) and columns [column, column + width) of c.
struct Block {
  std::int64_t first, rows, column, width;
};

// c (its rows `row` apart), or c + what is there, from rows [begin, end) of b.
void multiply_part(const BlockedProduct& p, const Block& at, std::int64_t begin, std::int64_t end,
                   bool adds, float* c, std::int64_t row) {
  alignas(64) float packed[kDepth * kWidestPanel];
  for (std::int64_t top = begin; top < end; top += kDepth) {
    const std::int64_t depth = std::min(kDepth, end - top);
    pack_panels({p.b.data + top * p.b.row + at.column * p.b.column, p.b.row, p.b.column}, depth,
                at.width, packed);
    if (p.alpha != 1) {
      std::transform(packed, packed + depth * panel_width(), packed,
                     [&](float x) { return p.alpha * x; });
    }
    panel_product({p.a.data + at.first * p.a.row + top * p.a.column, p.a.row, p.a.column}, packed,
                  at.rows, at.width, depth, adds || top > begin, c, row);
  }
}

// Long sums are added up in pieces.
void multiply_block(const BlockedProduct& p, const Block& at) {
  float* c = p.c + at.first * p.row + at.column;
  multiply_part(p, at, 0, std::min(kLongest, p.k), p.beta != 0, c, p.row);
  for (std::int64_t begin = kLongest; begin < p.k; begin += kLongest) {
    alignas(64) float piece[kMostRows * kWidestPanel];
    multiply_part(p, at, begin, std::min(begin + kLongest, p.k), false, piece, kWidestPanel);
    for (std::int64_t i = 0; i < at.rows; ++i) {
      add_scaled(1, piece + i * kWidestPanel, c + i * p.row, at.width);
    }
  }
}

// Rows of b are neighbours: they are added up.
void add_rows(int threads, const BlockedProduct& p) {
  parallel_ranges(threads, p.n, kColumns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = begin; j < end; j += kColumns) {
      const std::int64_t count = std::min(kColumns, end - j);
      for (std::int64_t i = 0; i < p.m; ++i) {
        float* c = p.c + i * p.row + j;
        if (p.beta == 0) {
          std::fill_n(c, count, 0.0f);
        }
        for (std::int64_t q = 0; q < p.k; ++q) {
          add_scaled(p.alpha * p.a.data[i * p.a.row + q * p.a.column], p.b.data + q * p.b.row + j,
                     c, count);
        }
      }
    }
  });
}

// Columns of b and rows of a are neighbours.
void multiply_rows(int threads, const BlockedProduct& p) {
  parallel_ranges(threads, p.n, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = begin; j < end; ++j) {
      const float* column = p.b.data + j * p.b.column;
      for (std::int64_t i = 0; i < p.m; ++i) {
        float& c = p.c[i * p.row + j];
        const auto sum =
            p.alpha * static_cast<float>(row_product_sum(p.a.data + i * p.a.row, column, p.k));
        c = p.beta == 0 ? sum : c + sum;
      }
    }
  });
}

void scale(const BlockedProduct& p) {
  for (std::int64_t i = 0; i < p.m; ++i) {
    float* c = p.c + i * p.row;
    std::transform(c, c + p.n, c, [&](float x) { return p.beta * x; });
  }
}

}  // namespace

void blocked_product(int threads, const BlockedProduct& p) {
  if (p.beta != 0 && p.beta != 1) {
    scale(p);
  }
  if (p.m <= kFewRows && p.b.column == 1) {
    return add_rows(threads, p);
  }
  if (p.m <= kFewRows && p.b.row == 1 && p.a.column == 1) {
    return multiply_rows(threads, p);
  }
  const std::int64_t width = panel_width(), panels = parts_of(p.n, width);
  const std::int64_t rows = rows_of_a_block(p.m, panels, threads);
  parallel_ranges(
      threads, panels * parts_of(p.m, rows), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          const std::int64_t first = i / panels * rows, column = i % panels * width;
          multiply_block(
              p, {first, std::min(rows, p.m - first), column, std::min(width, p.n - column)});
        }
      });
}

}  // namespace temper::cpu
