// Offsets for memory blocks that live only for part of a plan: blocks whose lives do not meet may
// overlap.
#pragma once

#include <cstdint>
#include <vector>

namespace temper {

struct ArenaBlock {
  std::int64_t bytes = 0;
  int first = 0;             // the step that writes it first
  int last = 0;              // the last step that touches it (inclusive)
  std::int64_t offset = -1;  // set by plan_arena(), 64-byte aligned
};

// Sets every offset; returns the bytes of the arena. Greedy by size, each block at the lowest
// offset that is free during its life (Pisarchyk and Lee 2020, "greedy by size").
std::int64_t plan_arena(std::vector<ArenaBlock>& blocks);

}  // namespace temper
