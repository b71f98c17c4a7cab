// Eight lanes of a row as floats, from memory of f32 or bf16 and back, rounded to nearest even: in
// vectors that the compiler splits where registers are shorter, with the bits of the scalar
// conversions in every instruction set. For loops in TEMPER_CLONES.
#pragma once

#include <cstdint>
#include <cstring>

#include "runtime/base/float16.h"

namespace temper::cpu {

inline constexpr int kEightLanes = 8;
using Floats [[gnu::vector_size(32)]] = float;

// By reference: a vector by value has another ABI in each instruction set.
[[gnu::always_inline]] inline void load(const float* x, Floats& v) { std::memcpy(&v, x, sizeof v); }
[[gnu::always_inline]] inline void store(const Floats& v, float* y) {
  std::memcpy(y, &v, sizeof v);
}

using Words [[gnu::vector_size(32)]] = std::uint32_t;
using HalfWords [[gnu::vector_size(16)]] = std::uint16_t;

[[gnu::always_inline]] inline void load(const BFloat16* x, Floats& v) {
  HalfWords bits;
  std::memcpy(&bits, x, sizeof bits);
  const Words wide = __builtin_convertvector(bits, Words) << 16;
  std::memcpy(&v, &wide, sizeof v);
}
[[gnu::always_inline]] inline void store(const Floats& v, BFloat16* y) {
  Words x;
  std::memcpy(&x, &v, sizeof x);
  const Words high = x >> 16;
  const Words rounded = (x + 0x7fffu + (high & 1u)) >> 16;
  const Words kept = v == v ? rounded : high | 0x40u;  // NaN stays one
  const HalfWords bits = __builtin_convertvector(kept, HalfWords);
  std::memcpy(static_cast<void*>(y), &bits, sizeof bits);
}

}  // namespace temper::cpu
