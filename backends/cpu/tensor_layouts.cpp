#include "backends/cpu/tensor_layouts.h"

#include <algorithm>

#include "backends/cpu/lane_conv_kernels.h"
#include "backends/cpu/library.h"

namespace temper::cpu {
namespace {

Layout blocks_along(const Shape& shape, std::int32_t blocked, std::int64_t block) {
  Layout like;
  like.plain = false;
  like.rank = shape.rank();
  like.inner_count = 1;
  like.inner_block[0] = block;
  like.inner_axis[0] = blocked;
  for (int axis = 0; axis < like.rank; ++axis) {
    like.strides[static_cast<std::size_t>(axis)] = like.rank - axis;  // only their order counts
  }
  return same_format(shape, like);
}

}  // namespace

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
  return blocks_along(shape, 1, block);
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

Layout sample_blocks(const Shape& shape) { return blocks_along(shape, 0, kSampleLanes); }

bool is_in_sample_blocks(const Shape& shape, const Layout& layout) {
  return !layout.plain && layout.inner_count == 1 && layout.inner_axis[0] == 0 &&
         shape[0] % kSampleLanes == 0 && layout == sample_blocks(shape);
}

Shape in_memory(const Shape& shape, const Shape& whole, const Layout& layout) {
  std::array<std::int64_t, kMaxRank> dims, blocks;
  std::array<std::size_t, kMaxRank> order{};
  blocks.fill(1);
  for (int axis = 0; axis < whole.rank(); ++axis) {
    const int own = axis - (whole.rank() - shape.rank());
    dims[static_cast<std::size_t>(axis)] = own < 0 ? 1 : shape[own];
    order[static_cast<std::size_t>(axis)] = static_cast<std::size_t>(axis);
  }
  const auto inner_axis = [&](int i) {
    return static_cast<std::size_t>(layout.inner_axis[static_cast<std::size_t>(i)]);
  };
  const auto inner_block = [&](int i) {
    return dims[inner_axis(i)] == 1 ? 1 : layout.inner_block[static_cast<std::size_t>(i)];
  };
  for (int i = 0; i < layout.inner_count; ++i) {
    blocks[inner_axis(i)] *= inner_block(i);
  }
  std::stable_sort(order.begin(), order.begin() + whole.rank(), [&](std::size_t a, std::size_t b) {
    return layout.strides[a] > layout.strides[b];
  });
  Shape memory;
  for (int i = 0; i < whole.rank(); ++i) {
    const std::size_t axis = order[static_cast<std::size_t>(i)];
    memory.push_back(dims[axis] / blocks[axis]);
  }
  for (int i = 0; i < layout.inner_count; ++i) {
    memory.push_back(inner_block(i));
  }
  return memory;
}

}  // namespace temper::cpu
