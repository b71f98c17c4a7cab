// Elements that are only moved: their width is all that counts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace temper::cuda {

// Calls f with an unsigned number of 1, 2, 4 or 8 bytes.
template <class F>
void visit_bytes(std::size_t bytes, const F& f) {
  switch (bytes) {
    case 1:
      return f(std::uint8_t{});
    case 2:
      return f(std::uint16_t{});
    case 4:
      return f(std::uint32_t{});
    default:
      return f(std::uint64_t{});
  }
}

}  // namespace temper::cuda
