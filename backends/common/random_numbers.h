// Numbers drawn from a stream of random bits: one pure function of the stream and a position.
#pragma once

#include <cmath>
#include <numbers>

#include "backends/common/philox.h"

namespace temper {

// Box and Muller, "A note on the generation of random normal deviates": sqrt(-2 ln u) cos(2 pi v)
// with u in (0, 1] and v in [0, 1), from words 2 i and 2 i + 1 of the stream.
constexpr double normal_number(const PhiloxStream& stream, std::uint64_t i) {
  const double u = (static_cast<double>(stream.word(2 * i)) + 1) * 0x1p-32;
  const double v = static_cast<double>(stream.word(2 * i + 1)) * 0x1p-32;
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

}  // namespace temper
