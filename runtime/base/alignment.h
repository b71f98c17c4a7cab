// How tensors are aligned in memory: buffers, blocks of an arena, variables of a flat buffer and
// parts of a workspace start at multiples of this, whole vectors of every instruction set.
#pragma once

#include <cstddef>

namespace temper {

inline constexpr std::size_t kBufferAlignment = 64;

// `bytes` up to the next multiple. REQUIRES: not negative, and room for that.
template <class T>
constexpr T aligned_bytes(T bytes) {
  constexpr auto kStep = static_cast<T>(kBufferAlignment);
  return (bytes + kStep - 1) / kStep * kStep;
}

}  // namespace temper
