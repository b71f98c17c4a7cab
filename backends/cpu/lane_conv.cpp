#include "backends/cpu/lane_conv.h"

#include <algorithm>
#include <map>

#include "backends/cpu/library.h"
#include "backends/cpu/parallel.h"
#include "runtime/base/concat.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kLargestPlane = 4096;  // pixels
constexpr std::int64_t kFewWeights = 6144;    // floats that stay in the first cache
constexpr std::int64_t kLeastChains = 8;      // sums that hide an addition's latency
constexpr std::int64_t kFewChannels = 64, kFewPixels = 64;
constexpr double kFullLanes = 0.7;

std::int64_t parts_of(std::int64_t whole, std::int64_t part) { return (whole + part - 1) / part; }

// Borders of equal parts of at most `most`.
std::vector<std::int64_t> equal_parts(std::int64_t count, std::int64_t most) {
  const std::int64_t parts = parts_of(count, most);
  std::vector<std::int64_t> borders;
  for (std::int64_t i = 0; i <= parts; ++i) {
    borders.push_back(count * i / parts);
  }
  return borders;
}

}  // namespace

std::string refuse_lane_conv(const ConvPlan& plan) {
  if (lane_conv_kernels() == nullptr) {
    return "the processor has no registers for it";
  }
  if (plan.group != 1 || plan.window.rank > 2) {
    return "groups or three dimensions";
  }
  if (plan.batch % kSampleLanes != 0) {
    return concat("a batch of ", plan.batch, " is not a multiple of ", kSampleLanes);
  }
  if (plan.in_plane() > kLargestPlane || plan.out_plane() > kLargestPlane) {
    return "large pictures";
  }
  if (!is_made_for_lanes(plan) &&
      (plan.out_plane() > kFewPixels || std::max(plan.group_in, plan.group_out) > kFewChannels)) {
    return "the channels fill the registers";
  }
  return {};
}

// Pictures of a few channels are read one by one where channels lie side by side.
bool is_made_for_lanes(const ConvPlan& plan) {
  constexpr std::int64_t kPicture = 4;
  const std::int64_t lanes = register_channels();
  const auto filled = [&](std::int64_t channels) {
    return static_cast<double>(channels) / static_cast<double>(parts_of(channels, lanes) * lanes);
  };
  const double in = plan.group_in <= kPicture ? 1 : filled(plan.group_in);
  return plan.group_in == 1 || in * filled(plan.group_out) < kFullLanes;
}

bool LaneConv::Walk::meets(std::int64_t at, std::int64_t tap, std::int64_t& place) const {
  if (!gathers) {
    place = at * stride + tap * dilation - pad;
    return place >= 0 && place < source;
  }
  const std::int64_t shifted = at + pad - tap * dilation;
  place = shifted >= 0 ? shifted / stride : -parts_of(-shifted, stride);
  return shifted % stride == 0 && place >= 0 && place < source;
}

LaneConv::Walk LaneConv::walk_of(std::size_t dim) const {
  const Window& w = plan_.window;
  const bool data = pass_ == LanePass::kData;
  return {data ? plan_.in[dim] : plan_.out[dim],
          data ? plan_.out[dim] : plan_.in[dim],
          w.kernel[dim],
          w.stride[dim],
          w.dilation[dim],
          w.pad_begin[dim],
          data};
}

LaneConv::LaneConv(const ConvPlan& plan, LanePass pass, int threads)
    : plan_(plan), pass_(pass), threads_(threads), kernels_(lane_conv_kernels()) {
  TEMPER_ASSERT(refuse_lane_conv(plan).empty(), refuse_lane_conv(plan));
  const bool data = pass == LanePass::kData;
  sources_ = data ? plan.group_out : plan.group_in;
  targets_ = data ? plan.group_in : plan.group_out;
  lay_out_planes();
  if (pass == LanePass::kWeights) {
    parts_ = equal_parts(targets_, kernels_->gradients);
    const Window& w = plan.window;
    for (std::int64_t c = 0; c < plan.group_in; ++c) {
      for (std::int64_t i = 0; i < w.kernel[1]; ++i) {
        for (std::int64_t j = 0; j < w.kernel[2]; ++j) {
          offsets_.push_back(c * plane_.floats() +
                             (i * w.dilation[1] * plane_.padded_columns + j * w.dilation[2]) *
                                 kSampleLanes);
        }
      }
    }
  } else {
    parts_ = equal_parts(targets_, kernels_->outputs);
    choose_strips();
  }
}

// As many zeros around the plane as the taps of whole strips reach over; rows that are not there
// are left out, except of the weights' gradient, where all pixels have all taps.
void LaneConv::lay_out_planes() {
  std::int64_t before[2], padded[2];
  for (std::size_t i = 0; i < 2; ++i) {
    const Walk walk = walk_of(i + 1);
    const std::int64_t reach = (walk.kernel - 1) * walk.dilation;
    if (walk.gathers) {
      before[i] = std::max<std::int64_t>(parts_of(reach - walk.pad, walk.stride), 0);
      const std::int64_t last = (walk.target - 1 + walk.pad) / walk.stride;
      padded[i] = before[i] + std::max(walk.source, last + 1);
    } else {
      before[i] = walk.pad;
      padded[i] = std::max(before[i] + walk.source, (walk.target - 1) * walk.stride + reach + 1);
    }
    if (i == 0 && pass_ != LanePass::kWeights) {
      before[i] = 0;
      padded[i] = walk.source;
    }
  }
  const bool data = pass_ == LanePass::kData;
  const Spatial& source = data ? plan_.out : plan_.in;
  plane_ = {source[1], source[2], before[0], before[1], padded[0], padded[1]};
}

// Strips of at most `most` neighbours of a row that read neighbours, each with the taps that some
// of its pixels have.
void LaneConv::cut_into_strips(int most, std::vector<Strip>& strips,
                               std::vector<std::vector<ConvTap>>& lists) const {
  std::map<std::vector<ConvTap>, std::int32_t> known;
  const Walk rows = walk_of(1), columns = walk_of(2);
  const std::int64_t step = columns.gathers ? columns.stride : 1;
  const auto place = [](const Walk& walk, std::int64_t at) {
    return walk.gathers ? (at + walk.pad) / walk.stride : at * walk.stride - walk.pad;
  };
  const auto taps_at = [&](std::int64_t r, std::int64_t c, int pixels, std::int64_t origin) {
    std::vector<ConvTap> taps;
    for (std::int64_t i = 0; i < rows.kernel; ++i) {
      std::int64_t y = 0;
      if (!rows.meets(r, i, y)) {
        continue;
      }
      for (std::int64_t j = 0; j < columns.kernel; ++j) {
        bool met = false;
        std::int64_t x = 0, first = 0;
        for (int p = 0; p < pixels; ++p) {
          met |= columns.meets(c + p * step, j, x);
          first = p == 0 ? x : first;
        }
        if (met) {
          const std::int64_t at = (y + plane_.top) * plane_.padded_columns + first + plane_.left;
          taps.push_back({static_cast<std::int32_t>((at - origin) * kSampleLanes),
                          static_cast<std::int32_t>(i * columns.kernel + j)});
        }
      }
    }
    return taps;
  };
  for (std::int64_t r = 0; r < rows.target; ++r) {
    for (std::int64_t phase = 0; phase < step; ++phase) {
      for (std::int64_t c = phase; c < columns.target; c += most * step) {
        const std::int64_t left = parts_of(columns.target - c, step);
        const int pixels = static_cast<int>(std::min<std::int64_t>(most, left));
        const std::int64_t origin =
            (place(rows, r) + plane_.top) * plane_.padded_columns + place(columns, c) + plane_.left;
        const auto [at, is_new] = known.try_emplace(taps_at(r, c, pixels, origin),
                                                    static_cast<std::int32_t>(lists.size()));
        if (is_new) {
          lists.push_back(at->first);
        }
        strips.push_back(
            {origin * kSampleLanes, (r * columns.target + c) * kSampleLanes, pixels, at->second});
      }
    }
  }
}

// Long strips read a weight for more pixels, but share their taps.
void LaneConv::choose_strips() {
  std::int64_t least = -1;
  const std::int64_t outputs = std::min<std::int64_t>(targets_, kernels_->outputs);
  for (int most = kernels_->pixels; most > 0; most /= 2) {
    std::vector<Strip> strips;
    std::vector<std::vector<ConvTap>> lists;
    cut_into_strips(most, strips, lists);
    std::int64_t cost = 0;
    for (const Strip& strip : strips) {
      cost += static_cast<std::int64_t>(lists[static_cast<std::size_t>(strip.list)].size()) *
              std::max(kLeastChains, outputs * strip.pixels);
    }
    if (least < 0 || cost < least) {
      least = cost;
      strips_ = std::move(strips);
      lists_ = std::move(lists);
    }
  }
}

std::size_t LaneConv::kept_bytes() const {
  std::size_t bytes = strips_.size() * sizeof(Strip) + offsets_.size() * sizeof(std::int64_t);
  for (const auto& list : lists_) {
    bytes += list.size() * sizeof(ConvTap);
  }
  return bytes;
}

std::size_t LaneConv::workspace_bytes() const {
  std::int64_t floats = 0;
  if (pass_ != LanePass::kWeights) {
    floats = walks() * padded_floats() + weights_floats();
  } else {
    floats =
        padded_blocks() * padded_floats() + (sums_wait() ? weights_floats() * kSampleLanes : 0);
  }
  return static_cast<std::size_t>(floats) * sizeof(float);
}

// For each part of the target channels: [source channel][kernel element][target channel].
void LaneConv::pack_weights(const float* w, float* packed) const {
  const std::int64_t kernel = elements(), in = plan_.group_in;
  const bool data = pass_ == LanePass::kData;
  for (std::size_t part = 0; part + 1 < parts_.size(); ++part) {
    for (std::int64_t s = 0; s < sources_; ++s) {
      for (std::int64_t k = 0; k < kernel; ++k) {
        for (std::int64_t t = parts_[part]; t < parts_[part + 1]; ++t) {
          *packed++ = w[(data ? s * in + t : t * in + s) * kernel + k];
        }
      }
    }
  }
}

// All channels of a block of samples with zeros around them, or as they are.
const float* LaneConv::pad(const float* x, float* padded) const {
  if (!plane_.is_padded()) {
    return x;
  }
  const std::int64_t row = plane_.padded_columns * kSampleLanes;
  const std::int64_t left = plane_.left * kSampleLanes, inner = plane_.columns * kSampleLanes;
  float* to = padded;
  for (std::int64_t c = 0; c < sources_; ++c) {
    std::fill_n(to, plane_.top * row, 0.0f);
    to += plane_.top * row;
    for (std::int64_t r = 0; r < plane_.rows; ++r, to += row, x += inner) {
      std::fill_n(to, left, 0.0f);
      std::copy_n(x, inner, to + left);
      std::fill(to + left + inner, to + row, 0.0f);
    }
    const std::int64_t below = plane_.padded_rows - plane_.top - plane_.rows;
    std::fill_n(to, below * row, 0.0f);
    to += below * row;
  }
  return padded;
}

void LaneConv::run_block(const float* from, const float* packed, const float* bias,
                         float* to) const {
  const Walk columns = walk_of(2);
  ConvStrip work;
  work.channels = sources_;
  work.channel_step = plane_.floats();
  work.x_step = (columns.gathers ? 1 : columns.stride) * kSampleLanes;
  work.elements = elements();
  work.output_step = (columns.gathers ? plan_.in_plane() : plan_.out_plane()) * kSampleLanes;
  work.y_step = (columns.gathers ? columns.stride : 1) * kSampleLanes;
  work.rectifies = !columns.gathers && plan_.rectifier.on;
  work.ceiling = static_cast<float>(plan_.rectifier.ceiling);
  const auto multiply = [&](const Strip& strip, std::size_t part) {
    const auto& taps = lists_[static_cast<std::size_t>(strip.list)];
    const std::int64_t first = parts_[part];
    work.x = from + strip.from;
    work.taps = taps.data();
    work.tap_count = static_cast<std::int64_t>(taps.size());
    work.w = packed + first * sources_ * work.elements;
    work.bias = bias == nullptr ? nullptr : bias + first;
    work.y = to + first * work.output_step + strip.to;
    kernels_->strip(work, static_cast<int>(parts_[part + 1] - first), strip.pixels);
  };
  const std::size_t parts = parts_.size() - 1;
  if (weights_floats() <= kFewWeights) {  // pixels stay in the first cache, else a part's weights
    for (const Strip& strip : strips_) {
      for (std::size_t part = 0; part < parts; ++part) {
        multiply(strip, part);
      }
    }
    return;
  }
  for (std::size_t part = 0; part < parts; ++part) {
    for (const Strip& strip : strips_) {
      multiply(strip, part);
    }
  }
}

void LaneConv::run(const float* from, const float* packed, const float* bias, float* to,
                   float* workspace) const {
  const bool data = pass_ == LanePass::kData;
  const std::int64_t target =
      targets_ * (data ? plan_.in_plane() : plan_.out_plane()) * kSampleLanes;
  // A walk has its samples and, for one block of them at a time, memory of its own.
  parallel_ranges(threads_, walks(), 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t walk = first; walk < last; ++walk) {
      float* padded = workspace + walk * padded_floats();
      for (std::int64_t n = blocks() * walk / walks(); n < blocks() * (walk + 1) / walks(); ++n) {
        run_block(pad(from + n * sources_ * plane_.source_floats(), padded), packed, bias,
                  to + n * target);
      }
    }
  });
}

void LaneConv::forward(const float* x, const float* w, const float* bias, float* y,
                       float* workspace) const {
  pack_weights(w, workspace);
  run(x, workspace, bias, y, workspace + weights_floats());
}

void LaneConv::data_gradient(const float* w, const float* dy, float* dx, float* workspace) const {
  pack_weights(w, workspace);
  run(dy, workspace, nullptr, dx, workspace + weights_floats());
}

}  // namespace temper::cpu
