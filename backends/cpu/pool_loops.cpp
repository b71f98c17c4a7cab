#include "backends/cpu/pool_loops.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "backends/cpu/instruction_sets.h"

namespace temper::cpu {
namespace {

struct Window {
  PoolTaps d, h, w;
};

constexpr int kWidth = 64;  // most lanes taken at once

// The maximum of n lanes over a window; n is not a constant, so that the loops over it become
// vector code. The first NaN replaces whatever was there.
[[gnu::always_inline]] inline void pool_lanes(const PoolWindow& p, const Window& window,
                                              std::int64_t lanes, const float* x, float* y,
                                              std::uint8_t* taps, int n) {
  const PoolAxis &a = p.axes[0], &b = p.axes[1], &c = p.axes[2];
  const auto first = static_cast<std::int32_t>(
      (window.d.begin * b.kernel + window.h.begin) * c.kernel + window.w.begin);
  float best[kWidth];
  std::int32_t from[kWidth];
  for (int l = 0; l < n; ++l) {
    best[l] = -std::numeric_limits<float>::infinity();
    from[l] = first;
  }
  for (std::int64_t i = window.d.begin, d = window.d.position; i < window.d.end;
       ++i, d += a.dilation) {
    for (std::int64_t j = window.h.begin, h = window.h.position; j < window.h.end;
         ++j, h += b.dilation) {
      const float* in = x + ((d * b.in + h) * c.in + window.w.position) * lanes;
      for (std::int64_t k = window.w.begin; k < window.w.end; ++k, in += c.dilation * lanes) {
        const auto tap = static_cast<std::int32_t>((i * b.kernel + j) * c.kernel + k);
        for (int l = 0; l < n; ++l) {
          // A NaN is not <= anything, so it wins, and nothing wins against it.
          const bool better = !(in[l] <= best[l]) & (best[l] == best[l]);
          from[l] = better ? tap : from[l];
          best[l] = better ? in[l] : best[l];
        }
      }
    }
  }
  for (int l = 0; l < n; ++l) {
    y[l] = best[l];
  }
  if (taps != nullptr) {
    for (int l = 0; l < n; ++l) {
      taps[l] = static_cast<std::uint8_t>(from[l]);
    }
  }
}

// dx of n lanes gains dy where the tap was the maximum.
[[gnu::always_inline]] inline void grad_lanes(const PoolWindow& p, const Window& window,
                                              std::int64_t lanes, const float* dy,
                                              const std::uint8_t* taps, float* dx, int n) {
  float gradient[kWidth];
  std::int32_t from[kWidth];
  for (int l = 0; l < n; ++l) {
    gradient[l] = dy[l];
    from[l] = taps[l];
  }
  const PoolAxis &a = p.axes[0], &b = p.axes[1], &c = p.axes[2];
  for (std::int64_t i = window.d.begin, d = window.d.position; i < window.d.end;
       ++i, d += a.dilation) {
    for (std::int64_t j = window.h.begin, h = window.h.position; j < window.h.end;
         ++j, h += b.dilation) {
      float* out = dx + ((d * b.in + h) * c.in + window.w.position) * lanes;
      for (std::int64_t k = window.w.begin; k < window.w.end; ++k, out += c.dilation * lanes) {
        const auto tap = static_cast<std::int32_t>((i * b.kernel + j) * c.kernel + k);
        for (int l = 0; l < n; ++l) {
          out[l] += from[l] == tap ? gradient[l] : 0.0f;
        }
      }
    }
  }
}

[[gnu::always_inline]] inline int width(std::int64_t left) {
  return static_cast<int>(std::min<std::int64_t>(left, kWidth));
}

}  // namespace

TEMPER_CLONES("arch=x86-64-v3", "default")
void max_pool(const PoolWindow& window, std::int64_t lanes, const float* x, float* y,
              std::uint8_t* taps, std::int64_t begin, std::int64_t end) {
  if (max_pool_avx512(window, lanes, x, y, taps, begin, end)) {
    return;
  }
  const PoolWindow p = window;
  for (std::int64_t outer = begin; outer < end; ++outer) {
    const float* in = x + outer * p.input_pixels() * lanes;
    std::int64_t out = outer * p.output_pixels() * lanes;
    for (std::int64_t d = 0; d < p.axes[0].out; ++d) {
      for (std::int64_t h = 0; h < p.axes[1].out; ++h) {
        const PoolTaps td = taps_inside(p.axes[0], d), th = taps_inside(p.axes[1], h);
        for (std::int64_t w = 0; w < p.axes[2].out; ++w, out += lanes) {
          const Window inside{td, th, taps_inside(p.axes[2], w)};
          for (std::int64_t l = 0; l < lanes; l += kWidth) {
            pool_lanes(p, inside, lanes, in + l, y + out + l,
                       taps == nullptr ? taps : taps + out + l, width(lanes - l));
          }
        }
      }
    }
  }
}

TEMPER_CLONES("arch=x86-64-v3", "default")
void max_pool_grad(const PoolWindow& window, std::int64_t lanes, const float* dy,
                   const std::uint8_t* taps, float* dx, std::int64_t begin, std::int64_t end) {
  if (max_pool_grad_avx512(window, lanes, dy, taps, dx, begin, end)) {
    return;
  }
  const PoolWindow p = window;
  for (std::int64_t outer = begin; outer < end; ++outer) {
    float* in = dx + outer * p.input_pixels() * lanes;
    std::int64_t out = outer * p.output_pixels() * lanes;
    std::memset(in, 0, static_cast<std::size_t>(p.input_pixels() * lanes) * sizeof(float));
    for (std::int64_t d = 0; d < p.axes[0].out; ++d) {
      for (std::int64_t h = 0; h < p.axes[1].out; ++h) {
        const PoolTaps td = taps_inside(p.axes[0], d), th = taps_inside(p.axes[1], h);
        for (std::int64_t w = 0; w < p.axes[2].out; ++w, out += lanes) {
          const Window inside{td, th, taps_inside(p.axes[2], w)};
          for (std::int64_t l = 0; l < lanes; l += kWidth) {
            grad_lanes(p, inside, lanes, dy + out + l, taps + out + l, in + l, width(lanes - l));
          }
        }
      }
    }
  }
}

}  // namespace temper::cpu
