#include "backends/cpu/conv_products.h"

#include <algorithm>

#include "backends/cpu/panel_product.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/product_loops.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kSegment = 64;           // pixels of a product
constexpr std::int64_t kUnitPixels = 512;       // that a panel of weights is used for in turn
constexpr std::int64_t kChunkFloats = 1 << 18;  // of padded samples: they stay in the second cache
constexpr std::int64_t kChunkPixels = 4096;     // whose weight gradients are summed in one piece
constexpr std::int64_t kBlockRows = 64;         // of the weights' gradient

std::int64_t parts_of(std::int64_t whole, std::int64_t part) { return (whole + part - 1) / part; }

std::int64_t elements(const Spatial& s) { return s[0] * s[1] * s[2]; }

// Single pixels that meet single pixels lie in one row.
ConvPlan in_one_row(ConvPlan p) {
  constexpr Spatial kOnes{1, 1, 1}, kNone{};
  if (p.window.kernel_elements() == 1 && p.window.stride == kOnes && p.window.pad_begin == kNone &&
      p.window.pad_end == kNone) {
    std::int64_t pixels = p.in_plane();
    if (pixels < kSegment) {
      pixels *= p.batch;
      p.batch = 1;
    }
    p.in = p.out = {1, 1, pixels};
  }
  return p;
}

}  // namespace

ConvProducts::ConvProducts(const ConvPlan& plan, ConvPass pass, int threads)
    : plan_(in_one_row(plan)), pass_(pass), threads_(threads), width_(panel_width()) {
  const Window& w = plan_.window;
  joined_ = pass != ConvPass::kData && plan_.group == 1 && w.dilation[2] == 1;
  taps_ = w.kernel_elements() / (joined_ ? w.kernel[2] : 1);
  depth_ = pass == ConvPass::kData ? plan_.group_out : plan_.group_in * (joined_ ? w.kernel[2] : 1);
  columns_ = pass == ConvPass::kData ? plan_.group_in : plan_.group_out;
  panels_ = parts_of(columns_, width_);
  for (std::size_t i = 0; i < kMaxSpatialRank; ++i) {
    padded_[i] = plan_.in[i] + w.pad_begin[i] + w.pad_end[i];
  }
  pads_ = pass != ConvPass::kData && padded_ != plan_.in;
  const std::int64_t samples =
      std::min(kChunkFloats / padded_sample(), kChunkPixels / plan_.out_plane());
  chunk_ = std::clamp<std::int64_t>(samples, 1, plan_.batch);
}

std::int64_t ConvProducts::padded_sample() const { return elements(padded_) * plan_.in_channels(); }

std::int64_t ConvProducts::packed_gradient() const {
  return plan_.group * panels_ * chunk_ * plan_.out_plane() * width_;
}

std::size_t ConvProducts::workspace_bytes() const {
  std::int64_t floats = packed_weights() + padded_floats();
  if (pass_ == ConvPass::kWeights) {
    floats += packed_gradient();
  }
  return static_cast<std::size_t>(floats) * sizeof(float);
}

std::int64_t ConvProducts::row_segments() const { return parts_of(plan_.out[2], kSegment); }

std::int64_t ConvProducts::columns_of(std::int64_t panel) const {
  return std::min(width_, columns_ - panel * width_);
}

ConvProducts::Segment ConvProducts::segment(std::int64_t number) const {
  const Spatial &out = plan_.out, &stride = plan_.window.stride;
  const std::int64_t first = number % row_segments() * kSegment;
  const std::int64_t row = number / row_segments();
  const std::int64_t b = row % out[1], a = row / out[1] % out[0], sample = row / out[1] / out[0];
  const std::int64_t pixel =
      ((sample * padded_[0] + a * stride[0]) * padded_[1] + b * stride[1]) * padded_[2] +
      first * stride[2];
  return {pixel * plan_.in_channels(), row * out[2] + first, std::min(kSegment, out[2] - first)};
}

std::int64_t ConvProducts::tap_offset(std::int64_t tap) const {
  const Window& w = plan_.window;
  const std::int64_t c = joined_ ? 0 : tap % w.kernel[2];
  const std::int64_t row = joined_ ? tap : tap / w.kernel[2];
  const std::int64_t b = row % w.kernel[1], a = row / w.kernel[1];
  return ((a * w.dilation[0] * padded_[1] + b * w.dilation[1]) * padded_[2] + c * w.dilation[2]) *
         plan_.in_channels();
}

// For each group, tap and panel: [depth][width], of w [group * out][in][kernel].
void ConvProducts::pack_weights(const float* w, float* packed) const {
  const std::int64_t kernel = plan_.window.kernel_elements();
  const std::int64_t in = plan_.group_in, out = plan_.group_out;
  const std::int64_t together = kernel / taps_;
  const bool data = pass_ == ConvPass::kData;
  const auto pack_one = [&](std::int64_t unit) {
    const std::int64_t panel = unit % panels_, tap = unit / panels_ % taps_;
    const std::int64_t group = unit / panels_ / taps_;
    float* to = packed + unit * depth_ * width_;
    for (std::int64_t l = 0; l < width_; ++l) {
      const std::int64_t column = panel * width_ + l;
      if (column >= columns_) {
        for (std::int64_t q = 0; q < depth_; ++q) {
          to[q * width_ + l] = 0;
        }
      } else if (data) {
        const float* from = w + (group * out * in + column) * kernel + tap;
        for (std::int64_t q = 0; q < depth_; ++q) {
          to[q * width_ + l] = from[q * in * kernel];
        }
      } else {
        const float* from = w + (group * out + column) * in * kernel + tap * together;
        for (std::int64_t k = 0; k < together; ++k) {
          for (std::int64_t c = 0; c < in; ++c) {
            to[(k * in + c) * width_ + l] = from[c * kernel + k];
          }
        }
      }
    }
  };
  parallel_ranges(threads_, plan_.group * taps_ * panels_, 1,
                  [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t unit = begin; unit < end; ++unit) {
                      pack_one(unit);
                    }
                  });
}

// The samples with zeros around them, or as they are where there is no padding.
const float* ConvProducts::pad(const float* x, std::int64_t samples, float* padded) const {
  if (!pads_) {
    return x;
  }
  const Spatial &in = plan_.in, &begin = plan_.window.pad_begin;
  const std::int64_t channels = plan_.in_channels(), row = padded_[2] * channels;
  const std::int64_t rows = padded_[0] * padded_[1];
  parallel_ranges(threads_, samples * rows, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) {
      float* to = padded + r * row;
      const std::int64_t b = r % padded_[1] - begin[1];
      const std::int64_t a = r / padded_[1] % padded_[0] - begin[0];
      if (a < 0 || a >= in[0] || b < 0 || b >= in[1]) {
        std::fill_n(to, row, 0.0f);
        continue;
      }
      const float* from = x + ((r / rows * in[0] + a) * in[1] + b) * in[2] * channels;
      float* inside = std::fill_n(to, begin[2] * channels, 0.0f);
      std::fill(std::copy_n(from, in[2] * channels, inside), to + row, 0.0f);
    }
  });
  return padded;
}

void ConvProducts::forward(const float* x, const float* w, const float* bias, float* y,
                           float* workspace) const {
  float* packed = workspace;
  pack_weights(w, packed);
  const std::int64_t channels = plan_.out_channels(), all_panels = plan_.group * panels_;
  const std::int64_t together =
      std::max<std::int64_t>(1, kUnitPixels / std::min(kSegment, plan_.out[2]));
  const std::int64_t step = plan_.window.stride[2] * plan_.in_channels();
  for (std::int64_t n = 0; n < plan_.batch; n += chunk_) {
    const std::int64_t samples = std::min(chunk_, plan_.batch - n);
    const float* from = pad(x + n * in_sample(), samples, workspace + packed_weights());
    float* to = y + n * out_sample();
    const std::int64_t segments = samples * sample_segments();
    const auto multiply = [&](const Segment& at, std::int64_t group, std::int64_t panel) {
      const float* panels = packed + (group * taps_ * panels_ + panel) * depth_ * width_;
      const std::int64_t first = group * plan_.group_out + panel * width_;
      const std::int64_t columns = columns_of(panel);
      float* out = to + at.pixel * channels + first;
      for (std::int64_t t = 0; t < taps_; ++t) {
        const float* in = from + at.x + tap_offset(t) + group * plan_.group_in;
        panel_product({in, step, 1}, panels + t * panels_ * depth_ * width_, at.count, columns,
                      depth_, t > 0, out, channels);
      }
      finish_rows(plan_.rectifier, bias == nullptr ? nullptr : bias + first, out, at.count,
                  channels, columns);
    };
    parallel_ranges(
        threads_, parts_of(segments, together) * all_panels, 1,
        [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t unit = begin; unit < end; ++unit) {
            const std::int64_t first = unit / all_panels * together, panel = unit % all_panels;
            for (std::int64_t s = first; s < std::min(first + together, segments); ++s) {
              multiply(segment(s), panel / panels_, panel % panels_);
            }
          }
        });
  }
}

// What a row of dy gives to dx, both of one sample: the rows and columns that its taps reach.
void ConvProducts::add_sample_row(const float* packed, const float* dy, std::int64_t row,
                                  std::int64_t columns, float* dx) const {
  const std::int64_t from = plan_.out_channels(), to = plan_.in_channels();
  for (std::int64_t t = 0; t < taps_; ++t) {
    const ConvRun run = run_in_row(plan_, row / plan_.out[1], row % plan_.out[1], t);
    if (run.count > 0) {
      panel_product({dy + run.out * from, from, 1}, packed + t * panels_ * depth_ * width_,
                    run.count, columns, depth_, true, dx + run.in * to, run.step * to);
    }
  }
}

void ConvProducts::data_gradient(const float* w, const float* dy, float* dx,
                                 float* workspace) const {
  pack_weights(w, workspace);
  const std::int64_t all_panels = plan_.group * panels_, channels = plan_.in_channels();
  const auto add_all = [&](std::int64_t n, std::int64_t group, std::int64_t panel) {
    const std::int64_t columns = columns_of(panel);
    float* to = dx + n * in_sample() + group * plan_.group_in + panel * width_;
    for (std::int64_t p = 0; p < plan_.in_plane(); ++p) {
      std::fill_n(to + p * channels, columns, 0.0f);
    }
    const float* from = dy + n * out_sample() + group * plan_.group_out;
    const float* packed = workspace + (group * taps_ * panels_ + panel) * depth_ * width_;
    for (std::int64_t row = 0; row < plan_.out[0] * plan_.out[1]; ++row) {
      add_sample_row(packed, from, row, columns, to);
    }
  };
  parallel_ranges(threads_, plan_.batch * all_panels, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t panel = unit % all_panels;
      add_all(unit / all_panels, panel / panels_, panel % panels_);
    }
  });
}

// For each group and panel: [pixels][width].
void ConvProducts::pack_gradient(const float* dy, std::int64_t samples, float* packed) const {
  const std::int64_t pixels = samples * plan_.out_plane(), channels = plan_.out_channels();
  for (std::int64_t unit = 0; unit < plan_.group * panels_; ++unit) {
    const std::int64_t panel = unit % panels_;
    const float* from = dy + unit / panels_ * plan_.group_out + panel * width_;
    float* to = packed + unit * pixels * width_;
    parallel_ranges(threads_, pixels, kSegment, [&](std::int64_t begin, std::int64_t end) {
      pack_panels({from + begin * channels, channels, 1}, end - begin, columns_of(panel),
                  to + begin * width_);
    });
  }
}

// sums: for each group and tap [depth][panels * width]
void ConvProducts::add_weights(const float* x, const float* dy, std::int64_t samples, bool first,
                               float* sums) const {
  const std::int64_t segments = samples * sample_segments(), pixels = samples * plan_.out_plane();
  const std::int64_t blocks = parts_of(depth_, kBlockRows), row = panels_ * width_;
  const std::int64_t step = plan_.window.stride[2] * plan_.in_channels();
  const auto add_block = [&](std::int64_t unit) {
    const std::int64_t panel = unit % panels_, block = unit / panels_ % blocks;
    const std::int64_t tap = unit / panels_ / blocks % taps_;
    const std::int64_t group = unit / panels_ / blocks / taps_;
    const std::int64_t top = block * kBlockRows, count = std::min(kBlockRows, depth_ - top);
    const float* from = x + tap_offset(tap) + group * plan_.group_in + top;
    const float* packed = dy + (group * panels_ + panel) * pixels * width_;
    float* to = sums + ((group * taps_ + tap) * depth_ + top) * row + panel * width_;
    if (first) {
      for (std::int64_t i = 0; i < count; ++i) {
        std::fill_n(to + i * row, width_, 0.0f);
      }
    }
    alignas(64) float piece[kBlockRows * kWidestPanel];
    std::int64_t summed = 0;
    for (std::int64_t s = 0; s < segments; ++s) {
      const Segment at = segment(s);
      panel_product({from + at.x, 1, step}, packed + at.pixel * width_, count, width_, at.count,
                    summed > 0, piece, width_);
      summed += at.count;
      if (summed >= kChunkPixels || s + 1 == segments) {
        for (std::int64_t i = 0; i < count; ++i) {
          add_scaled(1, piece + i * width_, to + i * row, width_);
        }
        summed = 0;
      }
    }
  };
  parallel_ranges(threads_, plan_.group * taps_ * blocks * panels_, 1,
                  [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t unit = begin; unit < end; ++unit) {
                      add_block(unit);
                    }
                  });
}

void ConvProducts::write_weights(const float* sums, float* dw) const {
  const std::int64_t kernel = plan_.window.kernel_elements(), together = kernel / taps_;
  const std::int64_t in = plan_.group_in, row = panels_ * width_;
  parallel_ranges(threads_, plan_.out_channels(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t m = begin; m < end; ++m) {
      const std::int64_t group = m / plan_.group_out, column = m % plan_.group_out;
      for (std::int64_t t = 0; t < taps_; ++t) {
        const float* from = sums + (group * taps_ + t) * depth_ * row + column;
        float* to = dw + m * in * kernel + t * together;
        for (std::int64_t k = 0; k < together; ++k) {
          for (std::int64_t c = 0; c < in; ++c) {
            to[c * kernel + k] = from[(k * in + c) * row];
          }
        }
      }
    }
  });
}

void ConvProducts::weights_gradient(const float* x, const float* dy, float* dw,
                                    float* workspace) const {
  float* sums = workspace;
  float* packed = sums + packed_weights();
  for (std::int64_t n = 0; n < plan_.batch; n += chunk_) {
    const std::int64_t samples = std::min(chunk_, plan_.batch - n);
    pack_gradient(dy + n * out_sample(), samples, packed);
    const float* from = pad(x + n * in_sample(), samples, packed + packed_gradient());
    add_weights(from, packed, samples, n == 0, sums);
  }
  write_weights(sums, dw);
}

}  // namespace temper::cpu
