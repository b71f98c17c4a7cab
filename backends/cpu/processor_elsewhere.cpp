// No other processor is known to halve them; arm64's control register of floating point.
#include "backends/cpu/processor.h"

namespace temper::cpu {

bool halves_bfloat16_products() { return false; }

#if defined(__aarch64__)
FlushedDenormals::FlushedDenormals() {
  constexpr std::uint64_t kFlushToZero = 1U << 24U;  // of inputs and results
  asm volatile("mrs %0, fpcr" : "=r"(before_));
  asm volatile("msr fpcr, %0" : : "r"(before_ | kFlushToZero));
}

FlushedDenormals::~FlushedDenormals() { asm volatile("msr fpcr, %0" : : "r"(before_)); }
#else
FlushedDenormals::FlushedDenormals() : before_(0) {}
FlushedDenormals::~FlushedDenormals() = default;
#endif

}  // namespace temper::cpu
