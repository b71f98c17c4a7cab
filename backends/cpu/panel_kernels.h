// The inner loops of panel_product.h for one processor level.
#pragma once

#include <algorithm>
#include <cstdint>

#include "backends/cpu/panel_product.h"

namespace temper::cpu {

inline constexpr std::int64_t kPanelRows = 8;

// Up to kPanelRows rows of c by one panel of b; c has `width` columns, fewer at the right border.
using PanelKernel = void (*)(const MatrixView& a, const float* panel, std::int64_t rows,
                             std::int64_t width, std::int64_t k, bool adds, float* c,
                             std::int64_t row);

struct PanelKernels {
  std::int64_t width;  // columns of a panel
  PanelKernel product;
  const char* instructions;
};

// The processor's; null where there is none faster than the plain loops.
const PanelKernels* fast_panel_kernels();

// A row of c at the right border is computed whole beside c.
template <std::int64_t kWidth, std::int64_t kRows>
struct PanelBorder {
  float rows[kRows * kWidth] = {};

  void read(const float* c, std::int64_t row, std::int64_t width) {
    for (std::int64_t i = 0; i < kRows; ++i) {
      std::copy_n(c + i * row, width, rows + i * kWidth);
    }
  }
  void write(float* c, std::int64_t row, std::int64_t width) const {
    for (std::int64_t i = 0; i < kRows; ++i) {
      std::copy_n(rows + i * kWidth, width, c + i * row);
    }
  }
};

}  // namespace temper::cpu
