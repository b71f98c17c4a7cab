// Joins the tensors of an optimizer update into long ranges: variables of one flat buffer lie one
// after the other with only zero padding between them, so that an update of all of them is one pass
// over memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "runtime/base/alignment.h"

namespace temper {

// One parameter with its gradient and states, or several that follow each other in all buffers.
struct FlatRange {
  std::byte* parameter = nullptr;
  const std::byte* gradient = nullptr;
  std::array<std::byte*, 3> states{};  // null where the optimizer has none
  std::byte* copy = nullptr;           // of the parameter in 16 bits, if it has one
  std::int64_t elements = 0;
  std::int64_t group = 0;
};

// Merges neighbours of `tensors` (in place): of one group, all pointers advanced by the same
// distance, and the gap either empty or, with `over_padding`, less than the alignment and ended by
// an aligned address.
inline void merge_flat_ranges(std::vector<FlatRange>& tensors, std::int64_t element_bytes,
                              bool over_padding) {
  // Integers, since the pointers may belong to different buffers.
  const auto distance_of = [](const std::byte* from, const std::byte* to) {
    return static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(to) -
                                     reinterpret_cast<std::intptr_t>(from));
  };
  const auto follows = [&](const FlatRange& a, const FlatRange& b) {
    const std::int64_t distance = distance_of(a.parameter, b.parameter);
    const std::int64_t gap = distance - a.elements * element_bytes;
    if (gap < 0 || a.group != b.group || distance % element_bytes != 0) {
      return false;
    }
    // Variables are aligned, so a smaller gap holds no other variable.
    if (gap > 0 && (!over_padding || gap >= static_cast<std::int64_t>(kBufferAlignment) ||
                    reinterpret_cast<std::uintptr_t>(b.parameter) % kBufferAlignment != 0)) {
      return false;
    }
    const auto same_distance = [&](const std::byte* from, const std::byte* to) {
      return from == nullptr ? to == nullptr : to != nullptr && distance_of(from, to) == distance;
    };
    for (std::size_t i = 0; i < a.states.size(); ++i) {
      if (!same_distance(a.states[i], b.states[i])) {
        return false;
      }
    }
    // Padding of the copies is their own: only what has none in between goes on in them too.
    const bool copies_go_on =
        a.copy == nullptr
            ? b.copy == nullptr
            : b.copy != nullptr && distance_of(a.copy, b.copy) * element_bytes == 2 * distance;
    return copies_go_on && same_distance(a.gradient, b.gradient);
  };
  std::vector<FlatRange> merged;
  for (const FlatRange& next : tensors) {
    if (!merged.empty() && follows(merged.back(), next)) {
      merged.back().elements =
          distance_of(merged.back().parameter, next.parameter) / element_bytes + next.elements;
    } else {
      merged.push_back(next);
    }
  }
  tensors = std::move(merged);
}

}  // namespace temper
