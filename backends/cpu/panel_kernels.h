// The inner loops of panel_product.h for one processor level.
#pragma once

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
};

// The processor's; null where there is none faster than the plain loops.
const PanelKernels* panel_kernels_x86();

}  // namespace temper::cpu
