#include "backends/cpu/pool_loops.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace temper::cpu {
namespace {

// The taps of an output position that lie inside the input: numbers [begin, end), the first at `position`.
struct Taps {
  std::int64_t begin, end, position;
};

[[gnu::always_inline]] inline Taps taps_inside(const PoolAxis& axis, std::int64_t out) {
  const std::int64_t start = out * axis.stride - axis.pad;
  const std::int64_t begin = start < 0 ? (-start + axis.dilation - 1) / axis.dilation : 0;
  const std::int64_t left = axis.in - 1 - start;
  const std::int64_t end = left < 0 ? 0 : std::min(axis.kernel, left / axis.dilation + 1);
  return {begin, end, start + begin * axis.dilation};
}

struct Window {
  Taps d, h, w;
};

// The maximum of `Lanes` channels over a window. The first NaN replaces whatever was there.
template <int Lanes>
[[gnu::always_inline]] inline void pool_lanes(const PoolWindow& p, const Window& window,
                                              std::int64_t lanes, const float* x, float* y,
                                              std::uint8_t* taps) {
  float best[Lanes];
  std::int32_t from[Lanes];
  for (int l = 0; l < Lanes; ++l) {
    best[l] = -std::numeric_limits<float>::infinity();
    from[l] = -1;
  }
  const PoolAxis &a = p.axes[0], &b = p.axes[1], &c = p.axes[2];
  for (std::int64_t i = window.d.begin, d = window.d.position; i < window.d.end; ++i, d += a.dilation) {
    for (std::int64_t j = window.h.begin, h = window.h.position; j < window.h.end; ++j, h += b.dilation) {
      const float* in = x + ((d * b.in + h) * c.in + window.w.position) * lanes;
      for (std::int64_t k = window.w.begin; k < window.w.end; ++k, in += c.dilation * lanes) {
        const auto tap = static_cast<std::int32_t>((i * b.kernel + j) * c.kernel + k);
        for (int l = 0; l < Lanes; ++l) {
          const float v = in[l];
          const bool better = (v > best[l]) | ((v != v) & (best[l] == best[l])) | (from[l] < 0);
          best[l] = better ? v : best[l];
          from[l] = better ? tap : from[l];
        }
      }
    }
  }
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
[[gnu::always_inline]] inline void grad_lanes(const PoolWindow& p, const Window& window,
                                              std::int64_t lanes, const float* dy,
                                              const std::uint8_t* taps, float* dx) {
  float gradient[Lanes];
  std::int32_t from[Lanes];
  for (int l = 0; l < Lanes; ++l) {
    gradient[l] = dy[l];
    from[l] = taps[l];
  }
  const PoolAxis &a = p.axes[0], &b = p.axes[1], &c = p.axes[2];
  for (std::int64_t i = window.d.begin, d = window.d.position; i < window.d.end; ++i, d += a.dilation) {
    for (std::int64_t j = window.h.begin, h = window.h.position; j < window.h.end; ++j, h += b.dilation) {
      float* out = dx + ((d * b.in + h) * c.in + window.w.position) * lanes;
      for (std::int64_t k = window.w.begin; k < window.w.end; ++k, out += c.dilation * lanes) {
        const auto tap = static_cast<std::int32_t>((i * b.kernel + j) * c.kernel + k);
        for (int l = 0; l < Lanes; ++l) {
          out[l] += from[l] == tap ? gradient[l] : 0.0f;
        }
      }
    }
  }
}

// All lanes of one output position: 16 at a time, then 8, then one.
[[gnu::always_inline]] inline void pool_pixel(const PoolWindow& p, const Window& window,
                                              std::int64_t lanes, const float* x, float* y,
                                              std::uint8_t* taps) {
  std::int64_t l = 0;
  for (; l + 16 <= lanes; l += 16) {
    pool_lanes<16>(p, window, lanes, x + l, y + l, taps == nullptr ? taps : taps + l);
  }
  for (; l + 8 <= lanes; l += 8) {
    pool_lanes<8>(p, window, lanes, x + l, y + l, taps == nullptr ? taps : taps + l);
  }
  for (; l < lanes; ++l) {
    pool_lanes<1>(p, window, lanes, x + l, y + l, taps == nullptr ? taps : taps + l);
  }
}

[[gnu::always_inline]] inline void grad_pixel(const PoolWindow& p, const Window& window,
                                              std::int64_t lanes, const float* dy,
                                              const std::uint8_t* taps, float* dx) {
  std::int64_t l = 0;
  for (; l + 16 <= lanes; l += 16) {
    grad_lanes<16>(p, window, lanes, dy + l, taps + l, dx + l);
  }
  for (; l + 8 <= lanes; l += 8) {
    grad_lanes<8>(p, window, lanes, dy + l, taps + l, dx + l);
  }
  for (; l < lanes; ++l) {
    grad_lanes<1>(p, window, lanes, dy + l, taps + l, dx + l);
  }
}

}  // namespace

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]]
void max_pool(const PoolWindow& window, std::int64_t lanes, const float* x, float* y,
              std::uint8_t* taps, std::int64_t begin, std::int64_t end) {
  const PoolWindow p = window;
  for (std::int64_t outer = begin; outer < end; ++outer) {
    const float* in = x + outer * p.input_pixels() * lanes;
    std::int64_t out = outer * p.output_pixels() * lanes;
    for (std::int64_t d = 0; d < p.axes[0].out; ++d) {
      for (std::int64_t h = 0; h < p.axes[1].out; ++h) {
        const Taps td = taps_inside(p.axes[0], d), th = taps_inside(p.axes[1], h);
        for (std::int64_t w = 0; w < p.axes[2].out; ++w, out += lanes) {
          pool_pixel(p, {td, th, taps_inside(p.axes[2], w)}, lanes, in, y + out,
                     taps == nullptr ? taps : taps + out);
        }
      }
    }
  }
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]]
void max_pool_grad(const PoolWindow& window, std::int64_t lanes, const float* dy,
                   const std::uint8_t* taps, float* dx, std::int64_t begin, std::int64_t end) {
  const PoolWindow p = window;
  for (std::int64_t outer = begin; outer < end; ++outer) {
    float* in = dx + outer * p.input_pixels() * lanes;
    std::int64_t out = outer * p.output_pixels() * lanes;
    std::memset(in, 0, static_cast<std::size_t>(p.input_pixels() * lanes) * sizeof(float));
    for (std::int64_t d = 0; d < p.axes[0].out; ++d) {
      for (std::int64_t h = 0; h < p.axes[1].out; ++h) {
        const Taps td = taps_inside(p.axes[0], d), th = taps_inside(p.axes[1], h);
        for (std::int64_t w = 0; w < p.axes[2].out; ++w, out += lanes) {
          grad_pixel(p, {td, th, taps_inside(p.axes[2], w)}, lanes, dy + out, taps + out, in);
        }
      }
    }
  }
}

}  // namespace temper::cpu
