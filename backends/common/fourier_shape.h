// A discrete Fourier transform of the lines of a tensor.
#pragma once

#include <cstdint>

namespace temper {

// Of one line: [x_size, x_parts] to [y_size, y_parts].
struct Fourier {
  std::int64_t length = 1;                        // of the transform
  std::int64_t x_size = 0, y_size = 0, read = 0;  // elements of x from `read` on have no part in y
  std::int64_t x_parts = 1, y_parts = 2;
  double turn = -1;  // +1 for the inverse
  bool to_real = false;
  std::int64_t outer = 1, inner = 1;

  // What element m of x counts for in each of y.
  constexpr double share(std::int64_t m) const {
    const bool alone = !to_real || m == 0 || 2 * m == length;  // else its mirror image counts too
    return (alone ? 1.0 : 2.0) / (turn > 0 ? static_cast<double>(length) : 1.0);
  }
};

}  // namespace temper
