// f32 from and to 16-bit floats over contiguous memory, rounding to nearest even: AVX-512, AVX2
// with F16C and plain forms, chosen at run time, with equal bits.
#pragma once

#include <cstdint>

#include "runtime/base/dtype.h"

namespace temper::cpu {

// `from` and `to` are kFloat16 or kBFloat16. On the calling thread.
void widen(DType from, const void* x, float* y, std::int64_t n);
void narrow(DType to, const float* x, void* y, std::int64_t n);

// The same on up to `threads` threads.
void widen_parallel(DType from, const void* x, float* y, std::int64_t n, int threads);
void narrow_parallel(DType to, const float* x, void* y, std::int64_t n, int threads);

// Private to these loops: how many elements, from the first on, the processor's own instructions
// converted; 0 where it has none.
std::int64_t widen_f16_by_instruction(const std::uint16_t* x, float* y, std::int64_t n);
std::int64_t narrow_f16_by_instruction(const float* x, std::uint16_t* y, std::int64_t n);

}  // namespace temper::cpu
