// The gradient of the weights of LaneConv.
#include <algorithm>

#include "backends/cpu/instruction_sets.h"
#include "backends/cpu/lane_conv.h"
#include "backends/cpu/parallel.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kCachedFloats = 10240;  // the same of rows of x and dy
constexpr std::int64_t kCachedSums = 40960;    // of sums in the second cache
constexpr std::int64_t kMostSums = 24;         // that the kernels keep in registers
constexpr std::int64_t kPaddedFloats = 65536;  // of samples with zeros around them

std::int64_t parts_of(std::int64_t whole, std::int64_t part) { return (whole + part - 1) / part; }

constexpr std::int64_t kSums = 64;  // of a channel of a block of samples, in float

// The sum of n floats, n a multiple of 16.
TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
double sum_plane(const float* x, std::int64_t n) {
  float sums[kSums] = {};
  std::int64_t i = 0;
  for (; i + kSums <= n; i += kSums) {
    for (std::int64_t j = 0; j < kSums; ++j) {
      sums[j] += x[i + j];
    }
  }
  for (; i < n; i += kSampleLanes) {
    for (std::int64_t j = 0; j < kSampleLanes; ++j) {
      sums[j] += x[i + j];
    }
  }
  double total = 0;
  for (const float sum : sums) {
    total += static_cast<double>(sum);
  }
  return total;
}

}  // namespace

// Whether the sums of all elements of dw, lane by lane, stay in the second cache.
bool LaneConv::sums_stay() const { return weights_floats() * kSampleLanes <= kCachedSums; }

// Rows whose part of dy stays in the first cache while all taps are summed, beside the channels of
// x that a block of taps reads. Each row more spares the sums a way to the second cache and back.
std::int64_t LaneConv::chunk_rows() const {
  const std::int64_t stride = plan_.window.stride[1];
  const std::int64_t row =
      std::min<std::int64_t>(sources_, 2) * plane_.padded_columns * kSampleLanes;
  const std::int64_t above = std::max<std::int64_t>(plan_.window.kernel[1] - stride, 0) * row;
  const std::int64_t dy = parts_[1] * plan_.out[2] * kSampleLanes;
  const std::int64_t most = (kCachedFloats - above) / (dy + stride * row);
  const std::int64_t chunks =
      parts_of(plan_.out[1], std::clamp<std::int64_t>(most, 1, plan_.out[1]));
  return parts_of(plan_.out[1], chunks);
}

ConvTapSums LaneConv::tap_sums(std::int64_t blocks, std::int64_t rows) const {
  ConvTapSums work;
  work.x_block = sources_ * plane_.floats();
  work.x_row = plan_.window.stride[1] * plane_.padded_columns * kSampleLanes;
  work.x_step = plan_.window.stride[2] * kSampleLanes;
  work.dy_step = plan_.out_plane() * kSampleLanes;
  work.dy_block = targets_ * work.dy_step;
  work.dy_row = plan_.out[2] * kSampleLanes;
  work.blocks = blocks;
  work.rows = rows;
  work.pixels = plan_.out[2];
  return work;
}

// Adds what `work` walks, from its x and dy on, to the sums of a part.
void LaneConv::sum_part(ConvTapSums work, std::int64_t part, float* sums) const {
  const std::int64_t taps = taps_of_weights(), tap_blocks = parts_of(taps, kernels_->taps);
  const std::int64_t begin = parts_[static_cast<std::size_t>(part)];
  const auto count = static_cast<int>(parts_[static_cast<std::size_t>(part) + 1] - begin);
  work.dy += begin * work.dy_step;
  work.sums_step = taps * kSampleLanes;
  for (std::int64_t b = 0; b < tap_blocks; ++b) {
    const std::int64_t tap = taps * b / tap_blocks;
    work.offsets = offsets_.data() + tap;
    work.sums = sums + (begin * taps + tap) * kSampleLanes;
    kernels_->tap_sums(work, count, static_cast<int>(taps * (b + 1) / tap_blocks - tap));
  }
}

// Adds what rows of a block of samples give to the sums of parts [first, last).
void LaneConv::sum_rows(const float* x, const float* dy, std::int64_t row, std::int64_t rows,
                        std::int64_t first, std::int64_t last, float* sums) const {
  ConvTapSums work = tap_sums(1, rows);
  work.x = x + row * work.x_row;
  work.dy = dy + row * work.dy_row;
  for (std::int64_t part = first; part < last; ++part) {
    sum_part(work, part, sums);
  }
}

// Adds what `count` blocks of samples give to the sums of parts [first, last): a few rows at a time
// give to all elements.
void LaneConv::sum_chunks(const float* x, const float* dy, std::int64_t count, std::int64_t first,
                          std::int64_t last, float* sums) const {
  const std::int64_t chunk = chunk_rows();
  const ConvTapSums steps = tap_sums(1, chunk);
  for (std::int64_t n = 0; n < count; ++n) {
    for (std::int64_t r = 0; r < plan_.out[1]; r += chunk) {
      sum_rows(x + n * steps.x_block, dy + n * steps.dy_block, r, std::min(chunk, plan_.out[1] - r),
               first, last, sums);
    }
  }
}

// dw of a part, all samples at once: a few of its elements at a time, their sums on the stack.
void LaneConv::sum_whole(const float* x, const float* dy, std::int64_t part, float* dw) const {
  const std::int64_t taps = taps_of_weights(), tap_blocks = parts_of(taps, kernels_->taps);
  const std::int64_t begin = parts_[static_cast<std::size_t>(part)];
  const std::int64_t count = parts_[static_cast<std::size_t>(part) + 1] - begin;
  alignas(64) float sums[kMostSums * kSampleLanes];
  ConvTapSums work = tap_sums(blocks(), plan_.out[1]);
  work.x = x;
  work.dy = dy + begin * work.dy_step;
  work.sums = sums;
  for (std::int64_t b = 0; b < tap_blocks; ++b) {
    const std::int64_t tap = taps * b / tap_blocks, here = taps * (b + 1) / tap_blocks - tap;
    std::fill_n(sums, count * here * kSampleLanes, 0.0f);
    work.offsets = offsets_.data() + tap;
    work.sums_step = here * kSampleLanes;
    kernels_->tap_sums(work, static_cast<int>(count), static_cast<int>(here));
    for (std::int64_t o = 0; o < count; ++o) {
      kernels_->lane_sums(sums + o * work.sums_step, here, dw + (begin + o) * taps + tap);
    }
  }
}

// How many blocks of samples have zeros around them at a time: all where a few would take as much
// memory, as their sums wait in it for the next.
std::int64_t LaneConv::padded_blocks() const {
  const std::int64_t sums = sums_stay() ? 0 : weights_floats() * kSampleLanes;
  if (!plane_.is_padded() || blocks() * padded_floats() <= kPaddedFloats + sums) {
    return blocks();
  }
  return std::clamp(kPaddedFloats / padded_floats(), walks(), blocks());
}

// Whether the sums of all elements wait in memory for the next samples.
bool LaneConv::sums_wait() const { return sums_stay() || padded_blocks() < blocks(); }

void LaneConv::weights_gradient(const float* x, const float* dy, float* dw,
                                float* workspace) const {
  float* sums = workspace;
  float* padded = workspace + (sums_wait() ? weights_floats() * kSampleLanes : 0);
  const std::int64_t in = sources_ * plane_.source_floats();
  const std::int64_t out = targets_ * plan_.out_plane() * kSampleLanes;
  const std::int64_t taps = taps_of_weights();
  const auto parts = static_cast<std::int64_t>(parts_.size()) - 1;
  for (std::int64_t n = 0; n < blocks(); n += padded_blocks()) {
    const std::int64_t count = std::min(padded_blocks(), blocks() - n);
    if (plane_.is_padded()) {
      parallel_ranges(threads_, count, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          pad(x + (n + i) * in, padded + i * padded_floats());
        }
      });
    }
    const float* from = plane_.is_padded() ? padded : x;
    parallel_ranges(threads_, parts, 1, [&](std::int64_t first, std::int64_t last) {
      if (!sums_wait()) {
        for (std::int64_t part = first; part < last; ++part) {
          sum_whole(from, dy, part, dw);
        }
        return;
      }
      const std::int64_t begin = parts_[static_cast<std::size_t>(first)] * taps;
      const std::int64_t end = parts_[static_cast<std::size_t>(last)] * taps;
      if (n == 0) {
        std::fill(sums + begin * kSampleLanes, sums + end * kSampleLanes, 0.0f);
      }
      if (sums_stay()) {
        sum_chunks(from, dy + n * out, count, first, last, sums);
      } else {
        ConvTapSums work = tap_sums(count, plan_.out[1]);
        work.x = from;
        work.dy = dy + n * out;
        for (std::int64_t part = first; part < last; ++part) {
          sum_part(work, part, sums);
        }
      }
      if (n + count == blocks()) {
        kernels_->lane_sums(sums + begin * kSampleLanes, end - begin, dw + begin);
      }
    });
  }
}

void LaneConv::bias_gradient(const float* dy, float* db) const {
  const std::int64_t plane = plan_.out_plane() * kSampleLanes;
  parallel_ranges(threads_, targets_, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; ++o) {
      double total = 0;
      for (std::int64_t n = 0; n < blocks(); ++n) {
        total += sum_plane(dy + (n * targets_ + o) * plane, plane);
      }
      db[o] = static_cast<float>(total);
    }
  });
}

}  // namespace temper::cpu
