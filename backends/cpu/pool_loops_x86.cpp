// Max pooling with 16 lanes in a register of AVX-512: the same operations as pool_loops.cpp.
#include <immintrin.h>

#include <cstring>
#include <limits>

#include "backends/cpu/pool_loops.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kWidth = 16;

// 16 lanes of one output position.
[[gnu::target("avx512f")]] inline void pool_lanes(const PoolWindow& p, const PoolTaps& d,
                                                  const PoolTaps& h, const PoolTaps& w,
                                                  std::int64_t lanes, const float* x, float* y,
                                                  std::uint8_t* taps) {
  const PoolAxis &a = p.axes[0], &b = p.axes[1], &c = p.axes[2];
  __m512 best = _mm512_set1_ps(-std::numeric_limits<float>::infinity());
  __m512i from =
      _mm512_set1_epi32(static_cast<int>((d.begin * b.kernel + h.begin) * c.kernel + w.begin));
  for (std::int64_t i = d.begin, z = d.position; i < d.end; ++i, z += a.dilation) {
    for (std::int64_t j = h.begin, r = h.position; j < h.end; ++j, r += b.dilation) {
      const float* in = x + ((z * b.in + r) * c.in + w.position) * lanes;
      for (std::int64_t k = w.begin; k < w.end; ++k, in += c.dilation * lanes) {
        const __m512 v = _mm512_loadu_ps(in);
        // A NaN is not <= anything, so it wins, and nothing wins against it.
        const __mmask16 better = static_cast<__mmask16>(_mm512_cmp_ps_mask(v, best, _CMP_NLE_UQ) &
                                                        _mm512_cmp_ps_mask(best, best, _CMP_ORD_Q));
        best = _mm512_mask_mov_ps(best, better, v);
        from = _mm512_mask_mov_epi32(
            from, better, _mm512_set1_epi32(static_cast<int>((i * b.kernel + j) * c.kernel + k)));
      }
    }
  }
  _mm512_storeu_ps(y, best);
  if (taps != nullptr) {
    const __m128i bytes = _mm512_maskz_cvtepi32_epi8(0xffff, from);
    std::memcpy(taps, &bytes, sizeof(bytes));
  }
}

[[gnu::target("avx512f")]] inline void grad_lanes(const PoolWindow& p, const PoolTaps& d,
                                                  const PoolTaps& h, const PoolTaps& w,
                                                  std::int64_t lanes, const float* dy,
                                                  const std::uint8_t* taps, float* dx, bool alone) {
  const PoolAxis &a = p.axes[0], &b = p.axes[1], &c = p.axes[2];
  __m128i bytes;
  std::memcpy(&bytes, taps, sizeof(bytes));
  const __m512i from = _mm512_maskz_cvtepu8_epi32(0xffff, bytes);
  const __m512 gradient = _mm512_loadu_ps(dy);
  for (std::int64_t i = d.begin, z = d.position; i < d.end; ++i, z += a.dilation) {
    for (std::int64_t j = h.begin, r = h.position; j < h.end; ++j, r += b.dilation) {
      float* out = dx + ((z * b.in + r) * c.in + w.position) * lanes;
      for (std::int64_t k = w.begin; k < w.end; ++k, out += c.dilation * lanes) {
        const __m512i tap = _mm512_set1_epi32(static_cast<int>((i * b.kernel + j) * c.kernel + k));
        const __mmask16 here = _mm512_cmpeq_epi32_mask(from, tap);
        const __m512 before = alone ? _mm512_setzero_ps() : _mm512_loadu_ps(out);
        _mm512_storeu_ps(out, _mm512_mask_add_ps(before, here, before, gradient));
      }
    }
  }
}

// Every input element lies in exactly one window: dx is written once and need not be cleared.
bool windows_tile(const PoolWindow& p) {
  for (const PoolAxis& axis : p.axes) {
    if (axis.stride != axis.kernel || axis.dilation != 1 || axis.pad != 0 ||
        axis.out * axis.stride < axis.in) {
      return false;
    }
  }
  return true;
}

[[gnu::target("avx512f")]]
void pool_all(const PoolWindow& window, std::int64_t lanes, const float* x, float* y,
              std::uint8_t* taps, std::int64_t begin, std::int64_t end) {
  const PoolWindow p = window;
  for (std::int64_t outer = begin; outer < end; ++outer) {
    const float* in = x + outer * p.input_pixels() * lanes;
    std::int64_t out = outer * p.output_pixels() * lanes;
    for (std::int64_t d = 0; d < p.axes[0].out; ++d) {
      for (std::int64_t h = 0; h < p.axes[1].out; ++h) {
        const PoolTaps td = taps_inside(p.axes[0], d), th = taps_inside(p.axes[1], h);
        for (std::int64_t w = 0; w < p.axes[2].out; ++w, out += lanes) {
          const PoolTaps tw = taps_inside(p.axes[2], w);
          for (std::int64_t l = 0; l < lanes; l += kWidth) {
            pool_lanes(p, td, th, tw, lanes, in + l, y + out + l,
                       taps == nullptr ? taps : taps + out + l);
          }
        }
      }
    }
  }
}

[[gnu::target("avx512f")]]
void grad_all(const PoolWindow& window, std::int64_t lanes, const float* dy,
              const std::uint8_t* taps, float* dx, std::int64_t begin, std::int64_t end) {
  const PoolWindow p = window;
  const bool tiles = windows_tile(p);
  for (std::int64_t outer = begin; outer < end; ++outer) {
    float* in = dx + outer * p.input_pixels() * lanes;
    std::int64_t out = outer * p.output_pixels() * lanes;
    if (!tiles) {
      std::memset(in, 0, static_cast<std::size_t>(p.input_pixels() * lanes) * sizeof(float));
    }
    for (std::int64_t d = 0; d < p.axes[0].out; ++d) {
      for (std::int64_t h = 0; h < p.axes[1].out; ++h) {
        const PoolTaps td = taps_inside(p.axes[0], d), th = taps_inside(p.axes[1], h);
        for (std::int64_t w = 0; w < p.axes[2].out; ++w, out += lanes) {
          const PoolTaps tw = taps_inside(p.axes[2], w);
          for (std::int64_t l = 0; l < lanes; l += kWidth) {
            grad_lanes(p, td, th, tw, lanes, dy + out + l, taps + out + l, in + l, tiles);
          }
        }
      }
    }
  }
}

bool is_taken(std::int64_t lanes) {
  return lanes % kWidth == 0 && __builtin_cpu_supports("avx512f") != 0;
}

}  // namespace

bool max_pool_avx512(const PoolWindow& window, std::int64_t lanes, const float* x, float* y,
                     std::uint8_t* taps, std::int64_t begin, std::int64_t end) {
  const bool taken = is_taken(lanes);
  if (taken) {
    pool_all(window, lanes, x, y, taps, begin, end);
  }
  return taken;
}

bool max_pool_grad_avx512(const PoolWindow& window, std::int64_t lanes, const float* dy,
                          const std::uint8_t* taps, float* dx, std::int64_t begin,
                          std::int64_t end) {
  const bool taken = is_taken(lanes);
  if (taken) {
    grad_all(window, lanes, dy, taps, dx, begin, end);
  }
  return taken;
}

}  // namespace temper::cpu
