#include "backends/cpu/convert_loops.h"

#include <immintrin.h>

#include <bit>

#include "backends/cpu/parallel.h"
#include "runtime/base/float16.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kGrain = 4096;

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]]
void widen_bf16(const std::uint16_t* x, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = std::bit_cast<float>(static_cast<std::uint32_t>(x[i]) << 16);
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]]
void narrow_bf16(const float* x, std::uint16_t* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = BFloat16::from_float(x[i]);
  }
}

void widen_f16_plain(const std::uint16_t* x, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = Float16::to_float(x[i]);
  }
}

void narrow_f16_plain(const float* x, std::uint16_t* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = Float16::from_float(x[i]);
  }
}

constexpr int kNearestEven = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

[[gnu::target("avx,f16c")]] void widen_f16_f16c(const std::uint16_t* x, float* y, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i));
    _mm256_storeu_ps(y + i, _mm256_cvtph_ps(half));
  }
  widen_f16_plain(x + i, y + i, n - i);
}

[[gnu::target("avx,f16c")]] void narrow_f16_f16c(const float* x, std::uint16_t* y, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(x + i), kNearestEven);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(y + i), half);
  }
  narrow_f16_plain(x + i, y + i, n - i);
}

bool has_f16c() {
  static const bool kHas =
      __builtin_cpu_supports("avx") != 0 && __builtin_cpu_supports("f16c") != 0;
  return kHas;
}

void widen_f16(const std::uint16_t* x, float* y, std::int64_t n) {
  if (has_f16c()) {
    return widen_f16_f16c(x, y, n);
  }
  widen_f16_plain(x, y, n);
}

void narrow_f16(const float* x, std::uint16_t* y, std::int64_t n) {
  if (has_f16c()) {
    return narrow_f16_f16c(x, y, n);
  }
  narrow_f16_plain(x, y, n);
}

}  // namespace

void widen(DType from, const void* x, float* y, std::int64_t n) {
  const auto* bits = static_cast<const std::uint16_t*>(x);
  from == DType::kFloat16 ? widen_f16(bits, y, n) : widen_bf16(bits, y, n);
}

void narrow(DType to, const float* x, void* y, std::int64_t n) {
  auto* bits = static_cast<std::uint16_t*>(y);
  to == DType::kFloat16 ? narrow_f16(x, bits, n) : narrow_bf16(x, bits, n);
}

void widen_parallel(DType from, const void* x, float* y, std::int64_t n, int threads) {
  const auto* bits = static_cast<const std::uint16_t*>(x);
  parallel_ranges(threads_for_elements(threads, n), n, kGrain,
                  [&](std::int64_t begin, std::int64_t end) {
                    widen(from, bits + begin, y + begin, end - begin);
                  });
}

void narrow_parallel(DType to, const float* x, void* y, std::int64_t n, int threads) {
  auto* bits = static_cast<std::uint16_t*>(y);
  parallel_ranges(threads_for_elements(threads, n), n, kGrain,
                  [&](std::int64_t begin, std::int64_t end) {
                    narrow(to, x + begin, bits + begin, end - begin);
                  });
}

}  // namespace temper::cpu
