#include "backends/cpu/convert_loops.h"

#include <bit>

#include "backends/cpu/instruction_sets.h"
#include "backends/cpu/parallel.h"
#include "runtime/base/float16.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kGrain = 4096;

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void widen_bf16(const std::uint16_t* x, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = std::bit_cast<float>(static_cast<std::uint32_t>(x[i]) << 16);
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void narrow_bf16(const float* x, std::uint16_t* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = BFloat16::from_float(x[i]);
  }
}

void widen_f16(const std::uint16_t* x, float* y, std::int64_t n) {
  for (std::int64_t i = widen_f16_by_instruction(x, y, n); i < n; ++i) {
    y[i] = Float16::to_float(x[i]);
  }
}

void narrow_f16(const float* x, std::uint16_t* y, std::int64_t n) {
  for (std::int64_t i = narrow_f16_by_instruction(x, y, n); i < n; ++i) {
    y[i] = Float16::from_float(x[i]);
  }
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
