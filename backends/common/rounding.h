// A float rounded to what a 16-bit float holds, nearest even, and still a float: the bits that
// storing and reading it again give (runtime/base/float16.h). Without branches, so that loops over
// it become vector code.
#pragma once

#include <bit>
#include <cstdint>

namespace temper::functors {

struct RoundBFloat16 {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(x));
    const bool is_nan = (bits & 0x7FFFFFFFu) > 0x7F800000u;
    const std::uint32_t rounded = is_nan ? bits | 0x400000u : bits + 0x7FFFu + (bits >> 16 & 1u);
    return static_cast<T>(std::bit_cast<float>(rounded & 0xFFFF0000u));
  }
};

struct RoundFloat16 {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(x));
    const std::uint32_t sign = bits & 0x80000000u, rest = bits & 0x7FFFFFFFu;
    std::uint32_t rounded = (rest + 0xFFFu + (rest >> 13 & 1u)) & ~0x1FFFu;
    rounded = rounded >= 0x47800000u ? 0x7F800000u : rounded;  // 65536 and more
    rounded = rest > 0x7F800000u ? (rest | 0x400000u) & ~0x1FFFu : rounded;
    // Subnormal: adding 1/2 rounds at the bit that counts 2^-24.
    const float small = std::bit_cast<float>(rest) + 0.5f - 0.5f;
    rounded = rest < 0x38800000u ? std::bit_cast<std::uint32_t>(small) : rounded;
    return static_cast<T>(std::bit_cast<float>(sign | rounded));
  }
};

}  // namespace temper::functors
