// Blocks of memory by where they begin, with their sizes.
#pragma once

#include <cstddef>
#include <iterator>
#include <map>

namespace temper::cuda {

// Whether `bytes` from `at` on lie in one block.
template <class Key>
bool within(const std::map<Key, std::size_t>& blocks, Key at, std::size_t bytes) {
  const auto after = blocks.upper_bound(at);
  return after != blocks.begin() &&
         at + bytes <= std::prev(after)->first + std::prev(after)->second;
}

}  // namespace temper::cuda
