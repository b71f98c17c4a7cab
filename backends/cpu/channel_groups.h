// A tensor [N, C, d...] as groups of channels that lie side by side, for kernels that sum over all
// of a channel: one channel in a plain tensor or one with samples in blocks, up to 16 in one with
// channels in blocks or last.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "backends/cpu/norm_loops.h"
#include "backends/cpu/parallel.h"
#include "runtime/base/layout.h"

namespace temper::cpu {

struct ChannelGroups {
  Layout layout;
  std::int64_t channels = 0;
  std::int64_t count = 0;  // groups
  int lanes = 1;           // channels of a group, the last may have fewer
  // A channel's values: `batch` times `plane`. Steps in elements.
  std::int64_t batch = 0, plane = 0;
  std::int64_t batch_step = 0, pixel_step = 0, group_step = 0;
  bool padded = false;  // the last group's missing lanes are there, as zeros
  bool woven = false;   // the groups' rows alternate in memory
  std::int64_t chunk_size = 4096;

  std::int64_t values() const { return batch * plane; }
  int width(std::int64_t group) const {
    return padded ? lanes
                  : static_cast<int>(std::min<std::int64_t>(lanes, channels - group * lanes));
  }
  // A channel's values are summed in chunks of a size that depends on the shape only.
  std::int64_t chunk() const { return chunk_size; }
  std::int64_t chunks() const { return (values() + chunk() - 1) / chunk(); }
  std::int64_t chunk_values(std::int64_t at) const {
    return std::min(chunk(), values() - at * chunk());
  }

  // Calls f(rows, offset) for the runs of one chunk of a group. A run of a single channel is cut
  // into rows of 16 neighbours, so its 16 lanes are all that channel's.
  template <class F>
  void for_each_run(std::int64_t group, std::int64_t chunk_index, const F& f) const;
};

// The groups of this layout: plain, channels last or in blocks, samples in blocks; none for another
// one.
std::optional<ChannelGroups> groups_of(const Shape& shape, const Layout& layout);
// The groups of this layout, or of channels in blocks where it is another one or would be slow.
ChannelGroups channel_groups(const Shape& shape, const Layout& layout);

// The sum of each channel in double, rounded once. `parts` has sum_parts() elements.
void sum_channels(const ChannelGroups& groups, int threads, const float* x, LaneMoments* parts,
                  float* sums);
void sum_channels(const ChannelGroups& groups, int threads, const BFloat16* x, LaneMoments* parts,
                  float* sums);
inline std::int64_t sum_parts(const ChannelGroups& groups) {
  return groups.count * groups.chunks();
}

template <class F>
void ChannelGroups::for_each_run(std::int64_t group, std::int64_t chunk_index, const F& f) const {
  const std::int64_t end = chunk_index * chunk() + chunk_values(chunk_index);
  for (std::int64_t at = chunk_index * chunk(); at < end;) {
    const std::int64_t pixel = at % plane;
    const std::int64_t count_here = std::min(plane - pixel, end - at);
    const std::int64_t offset = group * group_step + at / plane * batch_step + pixel * pixel_step;
    if (lanes > 1) {
      f(NormRows{count_here, pixel_step, width(group)}, offset);
    } else {
      const std::int64_t whole = count_here / kNormLanes;
      const int rest = static_cast<int>(count_here % kNormLanes);
      if (whole > 0) {
        f(NormRows{whole, kNormLanes, kNormLanes}, offset);
      }
      if (rest > 0) {
        f(NormRows{1, kNormLanes, rest}, offset + whole * kNormLanes);
      }
    }
    at += count_here;
  }
}

// Calls f(group, chunk) for all chunks, a chunk's groups in turn.
template <class F>
void for_each_chunk(const ChannelGroups& groups, int threads, const F& f) {
  parallel_ranges(threads, groups.count * groups.chunks(), 1,
                  [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t i = begin; i < end; ++i) {
                      f(i % groups.count, i / groups.count);
                    }
                  });
}

// Two passes over each group: sum(group, chunk) for its chunks, finish(group), then
// apply(group, chunk). Groups are spread over threads where that gives all of them work, which
// keeps a group in the caches between its passes; else chunks are.
template <class Sum, class Finish, class Apply>
void run_two_passes(const ChannelGroups& groups, int threads, const Sum& sum, const Finish& finish,
                    const Apply& apply) {
  const std::int64_t chunks = groups.chunks();
  if (!groups.woven && (groups.count % threads == 0 || groups.count >= 8 * threads)) {
    parallel_ranges(threads, groups.count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t g = begin; g < end; ++g) {
        for (std::int64_t c = 0; c < chunks; ++c) {
          sum(g, c);
        }
        finish(g);
        for (std::int64_t c = 0; c < chunks; ++c) {
          apply(g, c);
        }
      }
    });
    return;
  }
  for_each_chunk(groups, threads, sum);
  for (std::int64_t g = 0; g < groups.count; ++g) {
    finish(g);
  }
  for_each_chunk(groups, threads, apply);
}

}  // namespace temper::cpu
