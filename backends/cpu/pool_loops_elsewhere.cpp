// Processors that never have AVX-512.
#include "backends/cpu/pool_loops.h"

namespace temper::cpu {

bool max_pool_avx512(const PoolWindow&, std::int64_t, const float*, float*, std::uint8_t*,
                     std::int64_t, std::int64_t) {
  return false;
}

bool max_pool_grad_avx512(const PoolWindow&, std::int64_t, const float*, const std::uint8_t*,
                          float*, std::int64_t, std::int64_t) {
  return false;
}

}  // namespace temper::cpu
