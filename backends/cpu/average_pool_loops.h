// The loops of average pooling over memory seen as [outer][D][H][W][lanes], in AVX-512, AVX2 and
// plain form.
#pragma once

#include "backends/cpu/pool_loops.h"

namespace temper::cpu {

struct AverageWindow {
  PoolWindow window;
  // The same window over the input, or over the input with its padding: an average divides by the
  // taps that lie inside, and by 1 where there are none.
  PoolWindow counted;
};

// Sums in double, for outer parts [begin, end).
void average_pool(const AverageWindow& average, std::int64_t lanes, const float* x, float* y,
                  std::int64_t begin, std::int64_t end);

// dx = sum of the shares that dy has for it.
void average_pool_grad(const AverageWindow& average, std::int64_t lanes, const float* dy, float* dx,
                       std::int64_t begin, std::int64_t end);

}  // namespace temper::cpu
