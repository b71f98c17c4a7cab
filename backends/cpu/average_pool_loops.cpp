#include "backends/cpu/average_pool_loops.h"

#include <algorithm>

#include "backends/cpu/instruction_sets.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kWidth = 64;  // most lanes taken at once

// Calls f(output position, divisor, taps of the three axes) for all positions in order.
template <class F>
[[gnu::always_inline]] inline void for_each_window(const AverageWindow& average, const F& f) {
  const auto &axes = average.window.axes, &counted = average.counted.axes;
  const auto inside = [](const PoolAxis& axis, std::int64_t at) {
    const PoolTaps taps = taps_inside(axis, at);
    return std::max<std::int64_t>(taps.end - taps.begin, 0);
  };
  std::int64_t position = 0;
  for (std::int64_t d = 0; d < axes[0].out; ++d) {
    for (std::int64_t h = 0; h < axes[1].out; ++h) {
      for (std::int64_t w = 0; w < axes[2].out; ++w, ++position) {
        const std::int64_t count =
            inside(counted[0], d) * inside(counted[1], h) * inside(counted[2], w);
        f(position, static_cast<double>(std::max<std::int64_t>(count, 1)), taps_inside(axes[0], d),
          taps_inside(axes[1], h), taps_inside(axes[2], w));
      }
    }
  }
}

// Calls f(pixel) for the taps inside.
template <class F>
[[gnu::always_inline]] inline void for_each_pixel(const PoolWindow& p, const PoolTaps& d,
                                                  const PoolTaps& h, const PoolTaps& w,
                                                  const F& f) {
  const PoolAxis &a = p.axes[0], &b = p.axes[1], &c = p.axes[2];
  for (std::int64_t i = d.begin, di = d.position; i < d.end; ++i, di += a.dilation) {
    for (std::int64_t j = h.begin, hj = h.position; j < h.end; ++j, hj += b.dilation) {
      std::int64_t pixel = (di * b.in + hj) * c.in + w.position;
      for (std::int64_t k = w.begin; k < w.end; ++k, pixel += c.dilation) {
        f(pixel);
      }
    }
  }
}

}  // namespace

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void average_pool(const AverageWindow& average, std::int64_t lanes, const float* x, float* y,
                  std::int64_t begin, std::int64_t end) {
  const PoolWindow& p = average.window;
  for (std::int64_t outer = begin; outer < end; ++outer) {
    const float* in = x + outer * p.input_pixels() * lanes;
    float* out = y + outer * p.output_pixels() * lanes;
    for_each_window(average, [&](std::int64_t position, double divisor, const PoolTaps& d,
                                 const PoolTaps& h, const PoolTaps& w) {
      for (std::int64_t first = 0; first < lanes; first += kWidth) {
        const std::int64_t n = std::min(kWidth, lanes - first);
        double sums[kWidth] = {};
        for_each_pixel(p, d, h, w, [&](std::int64_t pixel) {
          const float* from = in + pixel * lanes + first;
          for (std::int64_t l = 0; l < n; ++l) {
            sums[l] += static_cast<double>(from[l]);
          }
        });
        float* to = out + position * lanes + first;
        for (std::int64_t l = 0; l < n; ++l) {
          to[l] = static_cast<float>(sums[l] / divisor);
        }
      }
    });
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void average_pool_grad(const AverageWindow& average, std::int64_t lanes, const float* dy, float* dx,
                       std::int64_t begin, std::int64_t end) {
  const PoolWindow& p = average.window;
  for (std::int64_t outer = begin; outer < end; ++outer) {
    float* in = dx + outer * p.input_pixels() * lanes;
    const float* out = dy + outer * p.output_pixels() * lanes;
    std::fill_n(in, p.input_pixels() * lanes, 0.0f);
    for_each_window(average, [&](std::int64_t position, double divisor, const PoolTaps& d,
                                 const PoolTaps& h, const PoolTaps& w) {
      const float* from = out + position * lanes;
      const auto share = static_cast<float>(1 / divisor);
      for_each_pixel(p, d, h, w, [&](std::int64_t pixel) {
        float* to = in + pixel * lanes;
#pragma GCC ivdep
        for (std::int64_t l = 0; l < lanes; ++l) {
          to[l] += share * from[l];
        }
      });
    });
  }
}

}  // namespace temper::cpu
