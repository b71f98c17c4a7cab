// The inner loops of lane_conv.h: 16 samples side by side, of which a register or two take all.
#pragma once

#include <cstdint>

namespace temper::cpu {

inline constexpr std::int64_t kSampleLanes = 16;

// One element of a convolution's kernel: where it meets the input, in floats from a strip's
// beginning, and which element it is.
struct ConvTap {
  std::int32_t offset = 0, element = 0;

  friend auto operator<=>(const ConvTap&, const ConvTap&) = default;
};

// Neighbouring pixels of some channels: y[o][p] = sum over channels c and taps t of
// x[c][p * x_step + t.offset] w[c][t.element][o], plus a bias.
struct ConvStrip {
  const float* x = nullptr;
  std::int64_t channels = 0, channel_step = 0, x_step = 0;
  const ConvTap* taps = nullptr;
  std::int64_t tap_count = 0;
  const float* w = nullptr;  // [channels][elements][outputs of the strip]
  std::int64_t elements = 0;
  const float* bias = nullptr;  // null: none
  float* y = nullptr;
  std::int64_t output_step = 0, y_step = 0;
  bool rectifies = false;
  float ceiling = 0;
};

// Gradients of a few kernel elements: sums[o][t] += over blocks of samples n, rows r and pixels p
// of x[offsets[t] + n * x_block + r * x_row + p * x_step] times dy[o * dy_step + n * dy_block + r *
// dy_row + p * 16], lane by lane.
struct ConvTapSums {
  const float* x = nullptr;
  const std::int64_t* offsets = nullptr;
  std::int64_t x_block = 0, x_row = 0, x_step = 0;
  const float* dy = nullptr;
  std::int64_t dy_step = 0, dy_block = 0, dy_row = 0;
  std::int64_t blocks = 0, rows = 0, pixels = 0;
  float* sums = nullptr;  // [o][t][16]
  std::int64_t sums_step = 0;
};

struct LaneConvKernels {
  int outputs, pixels;  // most of a strip
  int gradients, taps;  // most channels of dy and kernel elements of ConvTapSums
  void (*strip)(const ConvStrip& strip, int outputs, int pixels);
  void (*tap_sums)(const ConvTapSums& sums, int gradients, int taps);
  // y[i] = the sum of x[16 i], x[16 i + 1], ...
  void (*lane_sums)(const float* x, std::int64_t count, float* y);
};

// The processor's; null where it has no registers for them.
const LaneConvKernels* lane_conv_kernels();

}  // namespace temper::cpu
