// A convolution's sizes, and the places where one element of its kernel joins the planes of x and
// y: what the reference and the cpu backend share.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "runtime/base/attrs.h"
#include "runtime/base/rectifier.h"
#include "runtime/base/shape.h"
#include "runtime/base/window.h"

namespace temper {

struct ConvPlan {
  Window window;
  Spatial in{}, out{};
  std::int64_t batch = 0, group = 1;
  std::int64_t group_in = 0, group_out = 0;  // channels per group
  Rectifier rectifier;

  std::int64_t in_channels() const { return group_in * group; }
  std::int64_t out_channels() const { return group_out * group; }
  std::int64_t in_plane() const { return in[0] * in[1] * in[2]; }
  std::int64_t out_plane() const { return out[0] * out[1] * out[2]; }
};

// x [N, C, d...], w [M, C / group, k...], y [N, M, o...]
inline ConvPlan plan_conv(const Attrs& attrs, const Shape& x, const Shape& w, const Shape& y) {
  ConvPlan plan;
  plan.window = read_window(attrs);
  plan.in = spatial_dims(x);
  plan.out = spatial_dims(y);
  plan.batch = x[0];
  plan.group = attrs.get_int("group", 1);
  plan.group_in = w[1];
  plan.group_out = w[0] / plan.group;
  plan.rectifier = rectifier_of(attrs);
  return plan;
}

// A run of taps: for i of [0, count), output `out + i` meets input `in + i * step` by one kernel
// element.
struct ConvRun {
  std::int64_t out = 0, in = 0, step = 1, count = 0;
};

// The outputs [begin, begin + count) along a dimension whose input for kernel element k lies
// inside.
struct ConvReach {
  std::int64_t begin = 0, count = 0;
};

inline ConvReach reach_of(const ConvPlan& p, std::size_t dim, std::int64_t k) {
  const Window& w = p.window;
  const std::int64_t stride = w.stride[dim];
  // 0 <= o * stride + shift < in
  const std::int64_t shift = k * w.dilation[dim] - w.pad_begin[dim];
  const std::int64_t begin = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
  const std::int64_t last = p.in[dim] - 1 - shift;
  const std::int64_t end = last < 0 ? 0 : std::min(p.out[dim], last / stride + 1);
  return {begin, std::max<std::int64_t>(end - begin, 0)};
}

// Calls f(run) for the rows of a plane that kernel element `k` joins, the outputs in order.
template <class F>
void for_each_run(const ConvPlan& p, std::int64_t k, F f) {
  const Window& w = p.window;
  const Spatial at = {k / (w.kernel[1] * w.kernel[2]), k / w.kernel[2] % w.kernel[1],
                      k % w.kernel[2]};
  std::array<ConvReach, kMaxSpatialRank> reach;
  const auto input = [&](std::size_t dim, std::int64_t o) {
    return o * w.stride[dim] + at[dim] * w.dilation[dim] - w.pad_begin[dim];
  };
  for (std::size_t i = 0; i < kMaxSpatialRank; ++i) {
    reach[i] = reach_of(p, i, at[i]);
  }
  const std::int64_t first = reach[2].begin;
  for (std::int64_t a = reach[0].begin; a < reach[0].begin + reach[0].count; ++a) {
    for (std::int64_t b = reach[1].begin; b < reach[1].begin + reach[1].count; ++b) {
      f(ConvRun{(a * p.out[1] + b) * p.out[2] + first,
                (input(0, a) * p.in[1] + input(1, b)) * p.in[2] + input(2, first), w.stride[2],
                reach[2].count});
    }
  }
}

// The run of row (a, b) of the outputs; an empty one where kernel element `k` lies outside for it.
inline ConvRun run_in_row(const ConvPlan& p, std::int64_t a, std::int64_t b, std::int64_t k) {
  const Window& w = p.window;
  const std::int64_t column = k % w.kernel[2];
  const auto input = [&](std::size_t dim, std::int64_t o, std::int64_t tap) {
    return o * w.stride[dim] + tap * w.dilation[dim] - w.pad_begin[dim];
  };
  const std::int64_t i = input(0, a, k / (w.kernel[1] * w.kernel[2]));
  const std::int64_t j = input(1, b, k / w.kernel[2] % w.kernel[1]);
  const ConvReach reach = reach_of(p, 2, column);
  if (i < 0 || i >= p.in[0] || j < 0 || j >= p.in[1] || reach.count == 0) {
    return {};
  }
  return {(a * p.out[1] + b) * p.out[2] + reach.begin,
          (i * p.in[1] + j) * p.in[2] + input(2, reach.begin, column), w.stride[2], reach.count};
}

}  // namespace temper
