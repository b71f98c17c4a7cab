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

// Widened and narrowed element by element: GCC 12 makes one instruction of the loop, and six of its
// own conversion of vectors.
[[gnu::always_inline]] inline void load(const BFloat16* x, Floats& v) {
  std::uint16_t bits[kEightLanes];
  std::memcpy(bits, x, sizeof bits);
  std::uint32_t words[kEightLanes];
  for (int j = 0; j < kEightLanes; ++j) {
    words[j] = static_cast<std::uint32_t>(bits[j]) << 16;
  }
  std::memcpy(&v, words, sizeof v);
}
[[gnu::always_inline]] inline void store(const Floats& v, BFloat16* y) {
  Words x;
  std::memcpy(&x, &v, sizeof x);
  const Words high = x >> 16;
  const Words rounded = (x + 0x7fffu + (high & 1u)) >> 16;
  const Words kept = v == v ? rounded : high | 0x40u;  // NaN stays one
  std::uint16_t bits[kEightLanes];
  for (int j = 0; j < kEightLanes; ++j) {
    bits[j] = static_cast<std::uint16_t>(kept[j]);
  }
  std::memcpy(static_cast<void*>(y), bits, sizeof bits);
}

}  // namespace temper::cpu
