// Runs of elements moved in words as wide as they are made of.
#pragma once

#include <cstddef>
#include <cstdint>

namespace temper::cuda {

struct alignas(16) Words16 {
  std::uint64_t parts[2];
};

// Calls f with a word of the widest type that a run is made of; tensors are aligned.
template <class F>
void visit_words(std::size_t run_bytes, const F& f) {
  if (run_bytes % 16 == 0) {
    f(Words16{});
  } else if (run_bytes % 8 == 0) {
    f(std::uint64_t{});
  } else if (run_bytes % 4 == 0) {
    f(std::uint32_t{});
  } else if (run_bytes % 2 == 0) {
    f(std::uint16_t{});
  } else {
    f(std::uint8_t{});
  }
}

}  // namespace temper::cuda
