// Products of f32 matrices of any size on several threads, by the panels of panel_product.h and
// without memory of their own: a panel is packed on the stack. Every element of c is summed in the
// same order whatever the number of threads.
#pragma once

#include <cstdint>

#include "backends/cpu/panel_product.h"

namespace temper::cpu {

// c = alpha a b + beta c; c(i, j) lies at c[i * row + j].
struct BlockedProduct {
  std::int64_t m = 0, n = 0, k = 0;
  MatrixView a, b;
  float alpha = 1, beta = 0;
  float* c = nullptr;
  std::int64_t row = 0;
};

void blocked_product(int threads, const BlockedProduct& product);

}  // namespace temper::cpu
