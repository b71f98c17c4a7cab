// Panels of 32 columns in registers of AVX-512, of 16 in those of AVX2.
#include <immintrin.h>

#include <algorithm>

#include "backends/cpu/panel_kernels.h"

namespace temper::cpu {
namespace {

template <int kRows>
[[gnu::target("avx512f")]] inline void whole512(const MatrixView& a, const float* panel,
                                                std::int64_t k, bool adds, float* c,
                                                std::int64_t row) {
  __m512 low[kRows], high[kRows];
  for (int i = 0; i < kRows; ++i) {
    low[i] = adds ? _mm512_loadu_ps(c + i * row) : _mm512_setzero_ps();
    high[i] = adds ? _mm512_loadu_ps(c + i * row + 16) : _mm512_setzero_ps();
  }
  const float* factors = a.data;
  for (std::int64_t p = 0; p < k; ++p, factors += a.column, panel += 32) {
    const __m512 b0 = _mm512_loadu_ps(panel), b1 = _mm512_loadu_ps(panel + 16);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const __m512 factor = _mm512_set1_ps(factors[i * a.row]);
      low[i] = _mm512_fmadd_ps(factor, b0, low[i]);
      high[i] = _mm512_fmadd_ps(factor, b1, high[i]);
    }
  }
  for (int i = 0; i < kRows; ++i) {
    _mm512_storeu_ps(c + i * row, low[i]);
    _mm512_storeu_ps(c + i * row + 16, high[i]);
  }
}

// The first 16 columns of a panel alone.
template <int kRows>
[[gnu::target("avx512f")]] inline void half512(const MatrixView& a, const float* panel,
                                               std::int64_t k, bool adds, float* c,
                                               std::int64_t row) {
  __m512 sums[kRows];
  for (int i = 0; i < kRows; ++i) {
    sums[i] = adds ? _mm512_loadu_ps(c + i * row) : _mm512_setzero_ps();
  }
  const float* factors = a.data;
  for (std::int64_t p = 0; p < k; ++p, factors += a.column, panel += 32) {
    const __m512 b = _mm512_loadu_ps(panel);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      sums[i] = _mm512_fmadd_ps(_mm512_set1_ps(factors[i * a.row]), b, sums[i]);
    }
  }
  for (int i = 0; i < kRows; ++i) {
    _mm512_storeu_ps(c + i * row, sums[i]);
  }
}

template <int kRows>
[[gnu::target("avx512f")]] void rows512(const MatrixView& a, const float* panel, std::int64_t width,
                                        std::int64_t k, bool adds, float* c, std::int64_t row) {
  if (width == 32) {
    return whole512<kRows>(a, panel, k, adds, c, row);
  }
  if (width == 16) {
    return half512<kRows>(a, panel, k, adds, c, row);
  }
  PanelBorder<32, kRows> border;
  if (adds) {
    border.read(c, row, width);
  }
  if (width < 16) {
    half512<kRows>(a, panel, k, adds, border.rows, 32);
    return border.write(c, row, width);
  }
  whole512<kRows>(a, panel, k, adds, border.rows, 32);
  border.write(c, row, width);
}

// Two halves of up to four rows: 16 registers hold no more.
template <int kRows>
[[gnu::target("avx2,fma")]] inline void whole256(const MatrixView& a, const float* panel,
                                                 std::int64_t k, bool adds, float* c,
                                                 std::int64_t row) {
  __m256 low[kRows], high[kRows];
  for (int i = 0; i < kRows; ++i) {
    low[i] = adds ? _mm256_loadu_ps(c + i * row) : _mm256_setzero_ps();
    high[i] = adds ? _mm256_loadu_ps(c + i * row + 8) : _mm256_setzero_ps();
  }
  const float* factors = a.data;
  for (std::int64_t p = 0; p < k; ++p, factors += a.column, panel += 16) {
    const __m256 b0 = _mm256_loadu_ps(panel), b1 = _mm256_loadu_ps(panel + 8);
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) {
      const __m256 factor = _mm256_broadcast_ss(factors + i * a.row);
      low[i] = _mm256_fmadd_ps(factor, b0, low[i]);
      high[i] = _mm256_fmadd_ps(factor, b1, high[i]);
    }
  }
  for (int i = 0; i < kRows; ++i) {
    _mm256_storeu_ps(c + i * row, low[i]);
    _mm256_storeu_ps(c + i * row + 8, high[i]);
  }
}

template <int kRows>
[[gnu::target("avx2,fma")]] void rows256(const MatrixView& a, const float* panel,
                                         std::int64_t width, std::int64_t k, bool adds, float* c,
                                         std::int64_t row) {
  if (width == 16) {
    return whole256<kRows>(a, panel, k, adds, c, row);
  }
  PanelBorder<16, kRows> border;
  if (adds) {
    border.read(c, row, width);
  }
  whole256<kRows>(a, panel, k, adds, border.rows, 16);
  border.write(c, row, width);
}

void product512(const MatrixView& a, const float* panel, std::int64_t rows, std::int64_t width,
                std::int64_t k, bool adds, float* c, std::int64_t row) {
  using Rows = void (*)(const MatrixView&, const float*, std::int64_t, std::int64_t, bool, float*,
                        std::int64_t);
  static constexpr Rows kRows[] = {rows512<1>, rows512<2>, rows512<3>, rows512<4>,
                                   rows512<5>, rows512<6>, rows512<7>, rows512<8>};
  kRows[rows - 1](a, panel, width, k, adds, c, row);
}

void product256(const MatrixView& a, const float* panel, std::int64_t rows, std::int64_t width,
                std::int64_t k, bool adds, float* c, std::int64_t row) {
  using Rows = void (*)(const MatrixView&, const float*, std::int64_t, std::int64_t, bool, float*,
                        std::int64_t);
  static constexpr Rows kRows[] = {rows256<1>, rows256<2>, rows256<3>, rows256<4>};
  for (std::int64_t i = 0; i < rows; i += 4) {
    const MatrixView part{a.data + i * a.row, a.row, a.column};
    kRows[std::min<std::int64_t>(4, rows - i) - 1](part, panel, width, k, adds, c + i * row, row);
  }
}

}  // namespace

const PanelKernels* fast_panel_kernels() {
  static constexpr PanelKernels k512{32, product512, "avx512"}, k256{16, product256, "avx2"};
  static_assert(kWidestPanel == 32);
  if (__builtin_cpu_supports("avx512f") != 0) {
    return &k512;
  }
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 ? &k256
                                                                                   : nullptr;
}

}  // namespace temper::cpu
