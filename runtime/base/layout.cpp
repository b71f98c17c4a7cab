#include "runtime/base/layout.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace temper {
namespace {

// Product of the inner block sizes of each axis.
std::array<std::int64_t, kMaxRank> blocks_per_axis(const Layout& layout) {
  std::array<std::int64_t, kMaxRank> blocks;
  blocks.fill(1);
  for (int i = 0; i < layout.inner_count; ++i) {
    blocks[static_cast<std::size_t>(layout.inner_axis[static_cast<std::size_t>(i)])] *=
        layout.inner_block[static_cast<std::size_t>(i)];
  }
  return blocks;
}

}  // namespace

bool operator==(const Layout& a, const Layout& b) {
  if (a.plain || b.plain) {
    return a.plain == b.plain;
  }
  const auto equal_prefix = [](const auto& x, const auto& y, int n) {
    return std::equal(x.begin(), x.begin() + n, y.begin());
  };
  return a.rank == b.rank && a.inner_count == b.inner_count &&
         equal_prefix(a.padded, b.padded, a.rank) && equal_prefix(a.strides, b.strides, a.rank) &&
         equal_prefix(a.inner_block, b.inner_block, a.inner_count) &&
         equal_prefix(a.inner_axis, b.inner_axis, a.inner_count);
}

std::int64_t storage_elements(const Shape& shape, const Layout& layout) {
  const std::int64_t logical = shape.element_count();
  if (layout.plain || logical == 0) {
    return logical;
  }
  const auto blocks = blocks_per_axis(layout);
  std::int64_t inner = 1;
  for (int i = 0; i < layout.inner_count; ++i) {
    inner *= layout.inner_block[static_cast<std::size_t>(i)];
  }
  std::int64_t last = inner - 1;
  for (int axis = 0; axis < layout.rank; ++axis) {
    const auto a = static_cast<std::size_t>(axis);
    last += (layout.padded[a] / blocks[a] - 1) * layout.strides[a];
  }
  return last + 1;
}

std::int64_t storage_bytes(DType dtype, const Shape& shape, const Layout& layout) {
  return checked_multiply(storage_elements(shape, layout),
                          static_cast<std::int64_t>(size_of(dtype)), "a tensor's byte size");
}

std::int64_t element_offset(const Shape& shape, const Layout& layout, const std::int64_t* index) {
  std::int64_t offset = 0;
  if (layout.plain) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
      offset = offset * shape[axis] + index[axis];
    }
    return offset;
  }
  std::array<std::int64_t, kMaxRank> outer{};
  std::copy(index, index + layout.rank, outer.begin());
  std::int64_t inner_stride = 1;
  for (int i = layout.inner_count - 1; i >= 0; --i) {
    const auto block = layout.inner_block[static_cast<std::size_t>(i)];
    auto& coordinate =
        outer[static_cast<std::size_t>(layout.inner_axis[static_cast<std::size_t>(i)])];
    offset += coordinate % block * inner_stride;
    coordinate /= block;
    inner_stride *= block;
  }
  for (int axis = 0; axis < layout.rank; ++axis) {
    offset +=
        outer[static_cast<std::size_t>(axis)] * layout.strides[static_cast<std::size_t>(axis)];
  }
  return offset;
}

bool has_padding(const Shape& shape, const Layout& layout) {
  return storage_elements(shape, layout) != shape.element_count();
}

std::string to_string(const Layout& layout) {
  if (layout.plain) {
    return "plain";
  }
  std::string text = "blocked(strides ";
  for (int axis = 0; axis < layout.rank; ++axis) {
    text += concat(axis == 0 ? "" : ",", layout.strides[static_cast<std::size_t>(axis)]);
  }
  for (int i = 0; i < layout.inner_count; ++i) {
    text += concat(i == 0 ? " inner " : "", layout.inner_block[static_cast<std::size_t>(i)],
                   static_cast<char>('a' + layout.inner_axis[static_cast<std::size_t>(i)]));
  }
  return text + ")";
}

}  // namespace temper
