// Random words for many positions at a time, and what is dropped by them, in AVX-512, AVX2 and
// plain x86-64 form.
#pragma once

#include <cstdint>

#include "backends/common/philox.h"

namespace temper::cpu {

// Words 4 * first, .. of the stream, 4 * blocks of them, rounded up to a multiple of
// kPhiloxWords.
inline constexpr std::int64_t kPhiloxWords = 256;
void philox_words(const PhiloxStream& stream, std::uint64_t first, std::int64_t blocks,
                  std::uint32_t* words);

// Element i is kept where words[i] >> 8 is `bound` at least: y = x * scale, else 0. y and mask may
// be null, and y may be x.
void drop(const std::uint32_t* words, std::uint32_t bound, const float* x, float scale, float* y,
          bool* mask, std::int64_t n);

}  // namespace temper::cpu
