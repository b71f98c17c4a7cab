// Processors other than x86: panels of 16 columns in the registers of NEON where those are, else
// the plain loops.
#include <algorithm>

#include "backends/cpu/panel_kernels.h"

#if defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>

namespace temper::cpu {
namespace {

constexpr std::int64_t kWidth = 16;
constexpr int kVectors = 4;  // of a row of the panel

// Four rows in 16 of the 32 registers.
template <int kRows>
inline void whole_rows(const MatrixView& a, const float* panel, std::int64_t k, bool adds, float* c,
                       std::int64_t row) {
  float32x4_t sums[kRows][kVectors];
  for (int i = 0; i < kRows; ++i) {
    for (int v = 0; v < kVectors; ++v) {
      sums[i][v] = adds ? vld1q_f32(c + i * row + 4 * v) : vdupq_n_f32(0);
    }
  }
  const float* factors = a.data;
  for (std::int64_t p = 0; p < k; ++p, factors += a.column, panel += kWidth) {
    float32x4_t b[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      b[v] = vld1q_f32(panel + 4 * v);
    }
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) {
      const float32x4_t factor = vdupq_n_f32(factors[i * a.row]);
      for (int v = 0; v < kVectors; ++v) {
        sums[i][v] = vfmaq_f32(sums[i][v], factor, b[v]);
      }
    }
  }
  for (int i = 0; i < kRows; ++i) {
    for (int v = 0; v < kVectors; ++v) {
      vst1q_f32(c + i * row + 4 * v, sums[i][v]);
    }
  }
}

template <int kRows>
void some_rows(const MatrixView& a, const float* panel, std::int64_t width, std::int64_t k,
               bool adds, float* c, std::int64_t row) {
  if (width == kWidth) {
    return whole_rows<kRows>(a, panel, k, adds, c, row);
  }
  PanelBorder<kWidth, kRows> border;
  if (adds) {
    border.read(c, row, width);
  }
  whole_rows<kRows>(a, panel, k, adds, border.rows, kWidth);
  border.write(c, row, width);
}

void product(const MatrixView& a, const float* panel, std::int64_t rows, std::int64_t width,
             std::int64_t k, bool adds, float* c, std::int64_t row) {
  using Rows = void (*)(const MatrixView&, const float*, std::int64_t, std::int64_t, bool, float*,
                        std::int64_t);
  static constexpr Rows kRows[] = {some_rows<1>, some_rows<2>, some_rows<3>, some_rows<4>};
  for (std::int64_t i = 0; i < rows; i += 4) {
    const MatrixView part{a.data + i * a.row, a.row, a.column};
    kRows[std::min<std::int64_t>(4, rows - i) - 1](part, panel, width, k, adds, c + i * row, row);
  }
}

}  // namespace

const PanelKernels* fast_panel_kernels() {
  static constexpr PanelKernels kNeon{kWidth, product, "neon"};
  return &kNeon;
}

}  // namespace temper::cpu

#else

namespace temper::cpu {

const PanelKernels* fast_panel_kernels() { return nullptr; }

}  // namespace temper::cpu

#endif
