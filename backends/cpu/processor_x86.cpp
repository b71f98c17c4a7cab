// By the vendor's name, and the control register of SSE and AVX.
#include <immintrin.h>

#include "backends/cpu/processor.h"

namespace temper::cpu {

bool halves_bfloat16_products() { return __builtin_cpu_is("intel") != 0; }

FlushedDenormals::FlushedDenormals() : before_(_mm_getcsr()) {
  constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZeros = 0x0040;
  _mm_setcsr(static_cast<unsigned>(before_) | kFlushToZero | kDenormalsAreZeros);
}

FlushedDenormals::~FlushedDenormals() { _mm_setcsr(static_cast<unsigned>(before_)); }

}  // namespace temper::cpu
