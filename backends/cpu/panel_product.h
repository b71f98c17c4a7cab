// Products of f32 matrices that stay in the caches, on one thread: the steps of recurrent layers
// and the blocks of attention, where a library call costs more than it computes. The right factor
// is packed into panels of a few columns once and then used many times. Sums run over k in order,
// in fused multiply-adds.
#pragma once

#include <cstddef>
#include <cstdint>

namespace temper::cpu {

// Element (i, j) lies at data[i * row + j * column].
struct MatrixView {
  const float* data = nullptr;
  std::int64_t row = 0;
  std::int64_t column = 1;
};

// Columns of a panel, at most kWidestPanel.
inline constexpr std::int64_t kWidestPanel = 32;
std::int64_t panel_width();
// The instructions that the products take: "avx512", "avx2", "neon" or "plain".
const char* panel_instructions();

// Floats of a packed k x n matrix.
std::int64_t packed_floats(std::int64_t k, std::int64_t n);
void pack_panels(const MatrixView& b, std::int64_t k, std::int64_t n, float* packed);

// c[i * row + j] = (adds ? c[i * row + j] : 0) + sum over p of a(i, p) b(p, j), b packed; i < m, j
// < n, p < k. b was packed with `depth` rows, of which the first k are read.
void panel_product(const MatrixView& a, const float* b, std::int64_t depth, std::int64_t m,
                   std::int64_t n, std::int64_t k, bool adds, float* c, std::int64_t row);
inline void panel_product(const MatrixView& a, const float* b, std::int64_t m, std::int64_t n,
                          std::int64_t k, bool adds, float* c, std::int64_t row) {
  panel_product(a, b, k, m, n, k, adds, c, row);
}

}  // namespace temper::cpu
