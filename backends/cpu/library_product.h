// The library's product of f32 matrices of any size, on several threads.
#pragma once

#include <cstdint>

namespace temper::cpu {

// From so many rows of x on, products with a weight, their data gradients and their weight
// gradients are faster over a plain weight than over the library's packed layouts: packing is then
// a small part of the work, and the data gradient of a packed weight would have to be unpacked.
inline constexpr std::int64_t kPlainWeightRows = 256;

// Row-major a (m x k) and b (k x n), or stored transposed, with their leading dimensions.
struct LibraryProduct {
  std::int64_t m = 0, n = 0, k = 0;
  bool a_transposed = false, b_transposed = false;
  const float* a = nullptr;
  std::int64_t a_row = 0;
  const float* b = nullptr;
  std::int64_t b_row = 0;
  float alpha = 1, beta = 0;  // c = alpha a b + beta c
  float* c = nullptr;
  std::int64_t c_row = 0;
};

// THROWS: kDevice when the library reports an error.
void run_product(int threads, const LibraryProduct& product);

}  // namespace temper::cpu
