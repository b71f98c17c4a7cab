#include "backends/cpu/pool_loops.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace temper::cpu {
namespace {

constexpr int kWidth = 16;  // lanes taken at once

// Calls f(tap number, input pixel) for the taps of output pixel (od, oh, ow) that lie inside the input.
template <class F>
[[gnu::always_inline]] inline void each_tap(const PoolWindow& w, std::int64_t od, std::int64_t oh,
                                            std::int64_t ow, const F& f) {
  const PoolAxis &a = w.axes[0], &b = w.axes[1], &c = w.axes[2];
  for (std::int64_t i = 0; i < a.kernel; ++i) {
    const std::int64_t d = od * a.stride - a.pad + i * a.dilation;
    if (d < 0 || d >= a.in) {
      continue;
    }
    for (std::int64_t j = 0; j < b.kernel; ++j) {
      const std::int64_t h = oh * b.stride - b.pad + j * b.dilation;
      if (h < 0 || h >= b.in) {
        continue;
      }
      for (std::int64_t k = 0; k < c.kernel; ++k) {
        const std::int64_t p = ow * c.stride - c.pad + k * c.dilation;
        if (p >= 0 && p < c.in) {
          f((i * b.kernel + j) * c.kernel + k, (d * b.in + h) * c.in + p);
        }
      }
    }
  }
}

// Calls f(output pixel, od, oh, ow) for all output pixels.
template <class F>
[[gnu::always_inline]] inline void each_output(const PoolWindow& w, const F& f) {
  std::int64_t pixel = 0;
  for (std::int64_t od = 0; od < w.axes[0].out; ++od) {
    for (std::int64_t oh = 0; oh < w.axes[1].out; ++oh) {
      for (std::int64_t ow = 0; ow < w.axes[2].out; ++ow, ++pixel) {
        f(pixel, od, oh, ow);
      }
    }
  }
}

// The maximum of `Lanes` channels over a window. A NaN replaces whatever was there.
template <int Lanes>
[[gnu::always_inline]] inline void pool_lanes(const PoolWindow& w, std::int64_t lanes,
                                              const float* x, float* y, std::uint8_t* taps,
                                              std::int64_t od, std::int64_t oh, std::int64_t ow) {
  float best[Lanes];
  std::int32_t from[Lanes];
  std::fill(best, best + Lanes, -std::numeric_limits<float>::infinity());
  std::fill(from, from + Lanes, -1);
  each_tap(w, od, oh, ow, [&](std::int64_t tap, std::int64_t pixel) {
    const float* in = x + pixel * lanes;
    const auto number = static_cast<std::int32_t>(tap);
    for (int l = 0; l < Lanes; ++l) {
      const float v = in[l];
      const bool greater = (v > best[l]) | ((v != v) & (best[l] == best[l]));
      const bool better = greater | (from[l] < 0);
      best[l] = better ? v : best[l];
      from[l] = better ? number : from[l];
    }
  });
  for (int l = 0; l < Lanes; ++l) {
    y[l] = best[l];
  }
  if (taps != nullptr) {
    for (int l = 0; l < Lanes; ++l) {
      taps[l] = static_cast<std::uint8_t>(from[l]);
    }
  }
}

// dx of `Lanes` channels gains dy where the tap was the maximum.
template <int Lanes>
[[gnu::always_inline]] inline void grad_lanes(const PoolWindow& w, std::int64_t lanes,
                                              const float* dy, const std::uint8_t* taps, float* dx,
                                              std::int64_t od, std::int64_t oh, std::int64_t ow) {
  std::int32_t from[Lanes];
  float gradient[Lanes];
  for (int l = 0; l < Lanes; ++l) {
    from[l] = taps[l];
    gradient[l] = dy[l];
  }
  each_tap(w, od, oh, ow, [&](std::int64_t tap, std::int64_t pixel) {
    float* out = dx + pixel * lanes;
    const auto number = static_cast<std::int32_t>(tap);
    for (int l = 0; l < Lanes; ++l) {
      out[l] += from[l] == number ? gradient[l] : 0.0f;
    }
  });
}

}  // namespace

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]]
void max_pool(const PoolWindow& window, std::int64_t lanes, const float* x, float* y,
              std::uint8_t* taps, std::int64_t begin, std::int64_t end) {
  const PoolWindow w = window;
  for (std::int64_t outer = begin; outer < end; ++outer) {
    const float* in = x + outer * w.input_pixels() * lanes;
    const std::int64_t base = outer * w.output_pixels() * lanes;
    each_output(w, [&](std::int64_t pixel, std::int64_t od, std::int64_t oh, std::int64_t ow) {
      const std::int64_t at = base + pixel * lanes;
      std::uint8_t* tap = taps == nullptr ? nullptr : taps + at;
      std::int64_t l = 0;
      for (; l + kWidth <= lanes; l += kWidth) {
        pool_lanes<kWidth>(w, lanes, in + l, y + at + l, tap == nullptr ? tap : tap + l, od, oh, ow);
      }
      for (; l + kWidth / 2 <= lanes; l += kWidth / 2) {
        pool_lanes<kWidth / 2>(w, lanes, in + l, y + at + l, tap == nullptr ? tap : tap + l, od, oh, ow);
      }
      for (; l < lanes; ++l) {
        pool_lanes<1>(w, lanes, in + l, y + at + l, tap == nullptr ? tap : tap + l, od, oh, ow);
      }
    });
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]]
void max_pool_grad(const PoolWindow& window, std::int64_t lanes, const float* dy,
                   const std::uint8_t* taps, float* dx, std::int64_t begin, std::int64_t end) {
  const PoolWindow w = window;
  for (std::int64_t outer = begin; outer < end; ++outer) {
    float* out = dx + outer * w.input_pixels() * lanes;
    const std::int64_t base = outer * w.output_pixels() * lanes;
    std::memset(out, 0, static_cast<std::size_t>(w.input_pixels() * lanes) * sizeof(float));
    each_output(w, [&](std::int64_t pixel, std::int64_t od, std::int64_t oh, std::int64_t ow) {
      const std::int64_t at = base + pixel * lanes;
      std::int64_t l = 0;
      for (; l + kWidth <= lanes; l += kWidth) {
        grad_lanes<kWidth>(w, lanes, dy + at + l, taps + at + l, out + l, od, oh, ow);
      }
      for (; l + kWidth / 2 <= lanes; l += kWidth / 2) {
        grad_lanes<kWidth / 2>(w, lanes, dy + at + l, taps + at + l, out + l, od, oh, ow);
      }
      for (; l < lanes; ++l) {
        grad_lanes<1>(w, lanes, dy + at + l, taps + at + l, out + l, od, oh, ow);
      }
    });
  }
}

}  // namespace temper::cpu
