#include "runtime/memory/arena_plan.h"

#include <algorithm>
#include <numeric>

#include "runtime/base/alignment.h"

namespace temper {
std::int64_t plan_arena(std::vector<ArenaBlock>& blocks) {
  std::vector<std::size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return blocks[a].bytes > blocks[b].bytes; });
  std::int64_t total = 0;
  std::vector<std::size_t> placed;  // by offset
  for (const std::size_t i : order) {
    ArenaBlock& block = blocks[i];
    std::int64_t offset = 0;
    for (const std::size_t j : placed) {
      const ArenaBlock& other = blocks[j];
      if (other.last < block.first || block.last < other.first) {
        continue;
      }
      if (offset + aligned_bytes(block.bytes) <= other.offset) {
        break;
      }
      offset = std::max(offset, other.offset + aligned_bytes(other.bytes));
    }
    block.offset = offset;
    total = std::max(total, offset + aligned_bytes(block.bytes));
    placed.insert(std::upper_bound(placed.begin(), placed.end(), i,
                                   [&](std::size_t a, std::size_t b) {
                                     return blocks[a].offset < blocks[b].offset;
                                   }),
                  i);
  }
  return total;
}

}  // namespace temper
