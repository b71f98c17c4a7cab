#include "backends/cpu/panel_product.h"

#include <algorithm>
#include <cmath>

#include "backends/cpu/panel_kernels.h"
#include "backends/cpu/transpose_loops.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kWidth = 16;
// Rows of a panel that is filled column by column: they stay in the first cache.
constexpr std::int64_t kPackedRows = 64;

// In one rounding where the processor of the build has an instruction for it: the function takes
// twenty times as long as both operations.
inline float multiply_add(float a, float b, float c) {
#ifdef __FP_FAST_FMAF
  return std::fma(a, b, c);
#else
  return a * b + c;
#endif
}

void plain_product(const MatrixView& a, const float* panel, std::int64_t rows, std::int64_t width,
                   std::int64_t k, bool adds, float* c, std::int64_t row) {
  for (std::int64_t i = 0; i < rows; ++i) {
    float sums[kWidth] = {};
    if (adds) {
      std::copy_n(c + i * row, width, sums);
    }
    for (std::int64_t p = 0; p < k; ++p) {
      const float factor = a.data[i * a.row + p * a.column];
      for (std::int64_t j = 0; j < kWidth; ++j) {
        sums[j] = multiply_add(factor, panel[p * kWidth + j], sums[j]);
      }
    }
    std::copy_n(sums, width, c + i * row);
  }
}

const PanelKernels& kernels() {
  static constexpr PanelKernels kPlain{kWidth, plain_product, "plain"};
  static const PanelKernels* const chosen = fast_panel_kernels();
  return chosen == nullptr ? kPlain : *chosen;
}

}  // namespace

std::int64_t panel_width() { return kernels().width; }

const char* panel_instructions() { return kernels().instructions; }

std::int64_t packed_floats(std::int64_t k, std::int64_t n) {
  const std::int64_t width = kernels().width;
  return (n + width - 1) / width * width * k;
}

void pack_panels(const MatrixView& b, std::int64_t k, std::int64_t n, float* packed) {
  const std::int64_t width = kernels().width;
  for (std::int64_t first = 0; first < n; first += width) {
    const std::int64_t count = std::min(width, n - first);
    const float* from = b.data + first * b.column;
    if (b.column == 1) {
      for (std::int64_t p = 0; p < k; ++p) {
        float* to = packed + p * width;
        std::copy_n(from + p * b.row, count, to);
        std::fill(to + count, to + width, 0.0f);
      }
    } else {
      if (count < width) {
        std::fill(packed, packed + k * width, 0.0f);
      }
      if (b.row == 1) {
        transpose_words(from, b.column, packed, width, count, k);
        packed += k * width;
        continue;
      }
      for (std::int64_t top = 0; top < k; top += kPackedRows) {
        const std::int64_t end = std::min(k, top + kPackedRows);
        for (std::int64_t j = 0; j < count; ++j) {
          for (std::int64_t p = top; p < end; ++p) {
            packed[p * width + j] = from[p * b.row + j * b.column];
          }
        }
      }
    }
    packed += k * width;
  }
}

void panel_product(const MatrixView& a, const float* b, std::int64_t depth, std::int64_t m,
                   std::int64_t n, std::int64_t k, bool adds, float* c, std::int64_t row) {
  const PanelKernels& kernel = kernels();
  for (std::int64_t j = 0; j < n; j += kernel.width, b += kernel.width * depth) {
    const std::int64_t width = std::min(kernel.width, n - j);
    for (std::int64_t i = 0; i < m; i += kPanelRows) {
      const MatrixView rows{a.data + i * a.row, a.row, a.column};
      kernel.product(rows, b, std::min(kPanelRows, m - i), width, k, adds, c + i * row + j, row);
    }
  }
}

}  // namespace temper::cpu
