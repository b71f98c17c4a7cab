#include "backends/cpu/channel_groups.h"

#include "backends/cpu/tensor_layouts.h"

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

// A channel of 16 samples that lie side by side is a plane like another.
ChannelGroups in_sample_blocks(const Shape& shape, const Layout& layout) {
  const std::int64_t lanes = layout.inner_block[0];
  Shape planes = shape;
  planes[0] /= lanes;
  planes[shape.rank() - 1] *= lanes;
  ChannelGroups groups = plain(planes);
  groups.layout = layout;
  return groups;
}

template <class T>
void sum_elements(const ChannelGroups& groups, int threads, const T* x, LaneMoments* parts,
                  float* sums) {
  const std::int64_t chunks = groups.chunks();
  for_each_chunk(groups, threads, [&](std::int64_t group, std::int64_t chunk) {
    LaneMoments& part = parts[group * chunks + chunk];
    part = LaneMoments{};
    groups.for_each_run(group, chunk, [&](const NormRows& rows, std::int64_t at) {
      add_moments(rows, x + at, part);
    });
  });
  for (std::int64_t c = 0; c < groups.channels; ++c) {
    const std::int64_t group = c / groups.lanes;
    const auto lane = static_cast<int>(c % groups.lanes);
    double total = 0;
    for (std::int64_t i = 0; i < chunks; ++i) {
      const LaneMoments& part = parts[group * chunks + i];
      const int end = groups.lanes == 1 ? kNormLanes : lane + 1;  // all lanes are the channel's
      for (int j = lane; j < end; ++j) {
        total += part.sum[j];
      }
    }
    sums[c] = static_cast<float>(total);
  }
}

}  // namespace

std::optional<ChannelGroups> groups_of(const Shape& shape, const Layout& layout) {
  const bool has_plane = shape.rank() > 2;
  if (layout.plain) {
    // [N, C]: channels are neighbours.
    return has_plane && shape.count(2, shape.rank()) > 1 ? plain(shape) : last(shape, layout);
  }
  if (has_plane && layout == channels_last(shape)) {
    return last(shape, layout);
  }
  if (layout.inner_count == 1 && layout.inner_axis[0] == 1 &&
      (layout.inner_block[0] == 8 || layout.inner_block[0] == kNormLanes) &&
      layout == channel_blocks(shape, layout.inner_block[0])) {
    return in_blocks(shape, layout);
  }
  if (has_plane && is_in_sample_blocks(shape, layout)) {
    return in_sample_blocks(shape, layout);
  }
  return std::nullopt;
}

ChannelGroups channel_groups(const Shape& shape, const Layout& layout) {
  const std::optional<ChannelGroups> groups = groups_of(shape, layout);
  const bool slow = groups && layout.plain && groups->lanes == 1 && shape[1] >= kFewChannels;
  return groups && !slow ? *groups : in_blocks(shape, channel_blocked(shape));
}

void sum_channels(const ChannelGroups& groups, int threads, const float* x, LaneMoments* parts,
                  float* sums) {
  sum_elements(groups, threads, x, parts, sums);
}

void sum_channels(const ChannelGroups& groups, int threads, const BFloat16* x, LaneMoments* parts,
                  float* sums) {
  sum_elements(groups, threads, x, parts, sums);
}

}  // namespace temper::cpu
