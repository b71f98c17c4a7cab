// Where the elements of a tensor lie in memory. Plain is row-major without gaps; everything else is
// a blocked layout as oneDNN describes it: outer strides plus a list of inner blocks, dimensions
// padded up to a whole number of blocks. Data only: backends convert it to and from their own
// descriptors.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "runtime/base/dtype.h"
#include "runtime/base/shape.h"

namespace temper {

struct Layout {
  bool plain = true;  // the fields below count only when false
  int rank = 0;
  int inner_count = 0;
  std::array<std::int64_t, kMaxRank> padded{};       // dimensions rounded up to whole blocks
  std::array<std::int64_t, kMaxRank> strides{};      // in elements, of the outer (block) index
  std::array<std::int64_t, kMaxRank> inner_block{};  // block sizes, outermost first
  std::array<std::int32_t, kMaxRank> inner_axis{};   // the axis each block belongs to

  friend bool operator==(const Layout& a, const Layout& b);
};

// Elements of storage a tensor takes, padding and gaps included.
std::int64_t storage_elements(const Shape& shape, const Layout& layout);
std::int64_t storage_bytes(DType dtype, const Shape& shape, const Layout& layout);

// Position, in elements, of the element with this logical index (rank() coordinates).
std::int64_t element_offset(const Shape& shape, const Layout& layout, const std::int64_t* index);

// True when the layout holds bytes that are no logical element (padded lanes or stride gaps).
bool has_padding(const Shape& shape, const Layout& layout);

// "plain", or such as "blocked(strides 784,3136,... inner 16b)".
std::string to_string(const Layout& layout);

}  // namespace temper
