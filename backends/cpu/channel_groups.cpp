#include "backends/cpu/channel_groups.h"

#include "backends/cpu/onednn_support.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kFewChannels = 8;

ChannelGroups last(const Shape& shape, const Layout& layout) {
  ChannelGroups groups;
  groups.layout = layout;
  groups.channels = shape[1];
  groups.lanes = kNormLanes;
  groups.count = (shape[1] + kNormLanes - 1) / kNormLanes;
  groups.batch = 1;
  groups.plane = shape.element_count() / shape[1];
  groups.batch_step = shape.element_count();
  groups.pixel_step = shape[1];
  groups.group_step = kNormLanes;
  groups.woven = groups.count > 1;
  // A chunk's rows of all groups stay in the second cache.
  groups.chunk_size = std::clamp<std::int64_t>(65536 / shape[1], 64, 4096);
  return groups;
}

ChannelGroups in_blocks(const Shape& shape, const Layout& layout) {
  ChannelGroups groups;
  groups.layout = layout;
  groups.channels = shape[1];
  groups.lanes = static_cast<int>(layout.inner_block[0]);
  groups.count = layout.padded[1] / groups.lanes;
  groups.batch = shape[0];
  groups.plane = shape.count(2, shape.rank());
  groups.batch_step = layout.padded[1] * groups.plane;
  groups.pixel_step = groups.lanes;
  groups.group_step = groups.plane * groups.lanes;
  groups.padded = true;
  return groups;
}

ChannelGroups plain(const Shape& shape) {
  ChannelGroups groups;
  groups.channels = shape[1];
  groups.count = shape[1];
  groups.batch = shape[0];
  groups.plane = shape.count(2, shape.rank());
  groups.batch_step = shape[1] * groups.plane;
  groups.pixel_step = 1;
  groups.group_step = groups.plane;
  groups.chunk_size = 16384;
  return groups;
}

}  // namespace

ChannelGroups channel_groups(const Shape& shape, const Layout& layout) {
  const bool has_plane = shape.rank() > 2;
  if (layout.plain && (!has_plane || shape.count(2, shape.rank()) == 1)) {
    return last(shape, layout);  // [N, C]: channels are neighbours
  }
  if (layout.plain && shape[1] < kFewChannels) {
    return plain(shape);
  }
  if (!layout.plain && has_plane && layout == channels_last(shape)) {
    return last(shape, layout);
  }
  if (!layout.plain && layout.inner_count == 1 && layout.inner_axis[0] == 1 &&
      (layout.inner_block[0] == 8 || layout.inner_block[0] == kNormLanes) &&
      layout == channel_blocks(shape, layout.inner_block[0])) {
    return in_blocks(shape, layout);
  }
  return in_blocks(shape, channel_blocked(shape));
}

}  // namespace temper::cpu
