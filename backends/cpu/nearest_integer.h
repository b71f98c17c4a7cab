// Rounding as vector code: the standard library's is a call, which keeps a loop from becoming one.
#pragma once

#include <bit>
#include <cstdint>

namespace temper::cpu {

// The nearest integer, ties to even. REQUIRES: |x| < 2^22. The low bits of the sum are the integer.
[[gnu::always_inline]] inline std::int32_t nearest_integer(float x) {
  constexpr float kShift = 12582912.0f;
  return std::bit_cast<std::int32_t>(x + kShift) - std::bit_cast<std::int32_t>(kShift);
}

}  // namespace temper::cpu
