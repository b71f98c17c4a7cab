#include "backends/cpu/tensor_layouts.h"

#include <algorithm>

#include "backends/cpu/library.h"

namespace temper::cpu {

Layout same_format(const Shape& shape, const Layout& like) {
  if (like.plain) {
    return {};
  }
  std::array<std::int64_t, kMaxRank> blocks;
  blocks.fill(1);
  std::int64_t stride = 1;
  for (int i = 0; i < like.inner_count; ++i) {
    const auto block = like.inner_block[static_cast<std::size_t>(i)];
    blocks[static_cast<std::size_t>(like.inner_axis[static_cast<std::size_t>(i)])] *= block;
    stride *= block;
  }
  std::array<std::size_t, kMaxRank> order{};
  for (std::size_t a = 0; a < order.size(); ++a) {
    order[a] = a;
  }
  // Outermost first; equal strides (dimensions of 1) stay in the order of the axes.
  std::stable_sort(order.begin(), order.begin() + like.rank,
                   [&](std::size_t a, std::size_t b) { return like.strides[a] > like.strides[b]; });
  Layout layout = like;
  for (int i = like.rank - 1; i >= 0; --i) {
    const std::size_t axis = order[static_cast<std::size_t>(i)];
    const std::int64_t outer = (shape[static_cast<int>(axis)] + blocks[axis] - 1) / blocks[axis];
    layout.padded[axis] = outer * blocks[axis];
    layout.strides[axis] = stride;
    stride *= outer;
  }
  return layout;
}

Layout channel_blocks(const Shape& shape, std::int64_t block) {
  Layout like;
  like.plain = false;
  like.rank = shape.rank();
  like.inner_count = 1;
  like.inner_block[0] = block;
  like.inner_axis[0] = 1;
  for (int axis = 0; axis < like.rank; ++axis) {
    like.strides[static_cast<std::size_t>(axis)] = like.rank - axis;  // only their order counts
  }
  return same_format(shape, like);
}

Layout channel_blocked(const Shape& shape) { return channel_blocks(shape, register_channels()); }

Layout channels_last(const Shape& shape) {
  Layout like;
  like.plain = false;
  like.rank = shape.rank();
  for (int axis = 0; axis < like.rank; ++axis) {
    like.strides[static_cast<std::size_t>(axis)] = axis == 1 ? 0 : like.rank - axis;
  }
  return same_format(shape, like);
}

}  // namespace temper::cpu
