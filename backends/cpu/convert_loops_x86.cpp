// Half precision by the conversions of F16C, eight values at once: the same numbers.
#include <immintrin.h>

#include "backends/cpu/convert_loops.h"

namespace temper::cpu {
namespace {

constexpr int kNearestEven = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

[[gnu::target("avx,f16c")]]
std::int64_t widen_f16c(const std::uint16_t* x, float* y, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i));
    _mm256_storeu_ps(y + i, _mm256_cvtph_ps(half));
  }
  return i;
}

[[gnu::target("avx,f16c")]]
std::int64_t narrow_f16c(const float* x, std::uint16_t* y, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(x + i), kNearestEven);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(y + i), half);
  }
  return i;
}

bool has_f16c() {
  static const bool kHas =
      __builtin_cpu_supports("avx") != 0 && __builtin_cpu_supports("f16c") != 0;
  return kHas;
}

}  // namespace

std::int64_t widen_f16_by_instruction(const std::uint16_t* x, float* y, std::int64_t n) {
  return has_f16c() ? widen_f16c(x, y, n) : 0;
}

std::int64_t narrow_f16_by_instruction(const float* x, std::uint16_t* y, std::int64_t n) {
  return has_f16c() ? narrow_f16c(x, y, n) : 0;
}

}  // namespace temper::cpu
