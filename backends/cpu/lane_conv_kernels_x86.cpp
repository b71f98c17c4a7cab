// Sixteen samples in a register of AVX-512, or in two of AVX2, which are taken one after the other.
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <utility>

#include "backends/cpu/lane_conv_kernels.h"

namespace temper::cpu {
namespace {

template <int kOutputs, int kPixels>
[[gnu::target("avx512f")]] void strip512(const ConvStrip& s) {
  __m512 sums[kOutputs][kPixels];
#pragma GCC unroll 6
  for (int o = 0; o < kOutputs; ++o) {
#pragma GCC unroll 4
    for (int p = 0; p < kPixels; ++p) {
      sums[o][p] = s.bias == nullptr ? _mm512_setzero_ps() : _mm512_set1_ps(s.bias[o]);
    }
  }
  for (std::int64_t c = 0; c < s.channels; ++c) {
    const float* x = s.x + c * s.channel_step;
    const float* w = s.w + c * s.elements * kOutputs;
    for (std::int64_t t = 0; t < s.tap_count; ++t) {
      const float* from = x + s.taps[t].offset;
      const float* factors = w + std::int64_t{s.taps[t].element} * kOutputs;
      __m512 values[kPixels];
#pragma GCC unroll 4
      for (int p = 0; p < kPixels; ++p) {
        values[p] = _mm512_loadu_ps(from + p * s.x_step);
      }
#pragma GCC unroll 6
      for (int o = 0; o < kOutputs; ++o) {
        const __m512 factor = _mm512_set1_ps(factors[o]);
#pragma GCC unroll 4
        for (int p = 0; p < kPixels; ++p) {
          sums[o][p] = _mm512_fmadd_ps(factor, values[p], sums[o][p]);
        }
      }
    }
  }
  const __m512 zero = _mm512_setzero_ps(), top = _mm512_set1_ps(s.ceiling);
#pragma GCC unroll 6
  for (int o = 0; o < kOutputs; ++o) {
#pragma GCC unroll 4
    for (int p = 0; p < kPixels; ++p) {
      __m512 y = sums[o][p];
      if (s.rectifies) {  // of two operands the second is taken where one is NaN
        y = _mm512_maskz_min_ps(0xffff, top, _mm512_maskz_max_ps(0xffff, zero, y));
      }
      _mm512_storeu_ps(s.y + o * s.output_step + p * s.y_step, y);
    }
  }
}

template <int kOutputs, int kPixels>
[[gnu::target("avx2,fma")]] void strip256(const ConvStrip& s) {
  for (int half = 0; half < kSampleLanes; half += 8) {
    __m256 sums[kOutputs][kPixels];
#pragma GCC unroll 6
    for (int o = 0; o < kOutputs; ++o) {
#pragma GCC unroll 4
      for (int p = 0; p < kPixels; ++p) {
        sums[o][p] = s.bias == nullptr ? _mm256_setzero_ps() : _mm256_broadcast_ss(s.bias + o);
      }
    }
    for (std::int64_t c = 0; c < s.channels; ++c) {
      const float* x = s.x + half + c * s.channel_step;
      const float* w = s.w + c * s.elements * kOutputs;
      for (std::int64_t t = 0; t < s.tap_count; ++t) {
        const float* from = x + s.taps[t].offset;
        const float* factors = w + std::int64_t{s.taps[t].element} * kOutputs;
        __m256 values[kPixels];
#pragma GCC unroll 4
        for (int p = 0; p < kPixels; ++p) {
          values[p] = _mm256_loadu_ps(from + p * s.x_step);
        }
#pragma GCC unroll 6
        for (int o = 0; o < kOutputs; ++o) {
          const __m256 factor = _mm256_broadcast_ss(factors + o);
#pragma GCC unroll 4
          for (int p = 0; p < kPixels; ++p) {
            sums[o][p] = _mm256_fmadd_ps(factor, values[p], sums[o][p]);
          }
        }
      }
    }
    const __m256 zero = _mm256_setzero_ps(), top = _mm256_set1_ps(s.ceiling);
#pragma GCC unroll 6
    for (int o = 0; o < kOutputs; ++o) {
#pragma GCC unroll 4
      for (int p = 0; p < kPixels; ++p) {
        __m256 y = sums[o][p];
        if (s.rectifies) {  // of two operands the second is taken where one is NaN
          y = _mm256_min_ps(top, _mm256_max_ps(zero, y));
        }
        _mm256_storeu_ps(s.y + half + o * s.output_step + p * s.y_step, y);
      }
    }
  }
}

template <int kGradients, int kTaps>
[[gnu::target("avx512f")]] void sums512(const ConvTapSums& s) {
  __m512 sums[kGradients][kTaps];
#pragma GCC unroll 4
  for (int o = 0; o < kGradients; ++o) {
#pragma GCC unroll 6
    for (int t = 0; t < kTaps; ++t) {
      sums[o][t] = _mm512_loadu_ps(s.sums + o * s.sums_step + t * kSampleLanes);
    }
  }
  for (std::int64_t n = 0; n < s.blocks; ++n) {
    for (std::int64_t r = 0; r < s.rows; ++r) {
      const float* dy = s.dy + n * s.dy_block + r * s.dy_row;
      const float* x[kTaps];
#pragma GCC unroll 6
      for (int t = 0; t < kTaps; ++t) {
        x[t] = s.x + s.offsets[t] + n * s.x_block + r * s.x_row;
      }
      for (std::int64_t p = 0, at = 0; p < s.pixels; ++p, at += s.x_step, dy += kSampleLanes) {
        __m512 gradients[kGradients];
#pragma GCC unroll 4
        for (int o = 0; o < kGradients; ++o) {
          gradients[o] = _mm512_loadu_ps(dy + o * s.dy_step);
        }
#pragma GCC unroll 6
        for (int t = 0; t < kTaps; ++t) {
          const __m512 value = _mm512_loadu_ps(x[t] + at);
#pragma GCC unroll 4
          for (int o = 0; o < kGradients; ++o) {
            sums[o][t] = _mm512_fmadd_ps(value, gradients[o], sums[o][t]);
          }
        }
      }
    }
  }
#pragma GCC unroll 4
  for (int o = 0; o < kGradients; ++o) {
#pragma GCC unroll 6
    for (int t = 0; t < kTaps; ++t) {
      _mm512_storeu_ps(s.sums + o * s.sums_step + t * kSampleLanes, sums[o][t]);
    }
  }
}

template <int kGradients, int kTaps>
[[gnu::target("avx2,fma")]] void sums256(const ConvTapSums& s) {
  for (int half = 0; half < kSampleLanes; half += 8) {
    __m256 sums[kGradients][kTaps];
#pragma GCC unroll 4
    for (int o = 0; o < kGradients; ++o) {
#pragma GCC unroll 6
      for (int t = 0; t < kTaps; ++t) {
        sums[o][t] = _mm256_loadu_ps(s.sums + half + o * s.sums_step + t * kSampleLanes);
      }
    }
    for (std::int64_t n = 0; n < s.blocks; ++n) {
      for (std::int64_t r = 0; r < s.rows; ++r) {
        const float* dy = s.dy + half + n * s.dy_block + r * s.dy_row;
        const float* x[kTaps];
#pragma GCC unroll 6
        for (int t = 0; t < kTaps; ++t) {
          x[t] = s.x + half + s.offsets[t] + n * s.x_block + r * s.x_row;
        }
        for (std::int64_t p = 0, at = 0; p < s.pixels; ++p, at += s.x_step, dy += kSampleLanes) {
          __m256 gradients[kGradients];
#pragma GCC unroll 4
          for (int o = 0; o < kGradients; ++o) {
            gradients[o] = _mm256_loadu_ps(dy + o * s.dy_step);
          }
#pragma GCC unroll 6
          for (int t = 0; t < kTaps; ++t) {
            const __m256 value = _mm256_loadu_ps(x[t] + at);
#pragma GCC unroll 4
            for (int o = 0; o < kGradients; ++o) {
              sums[o][t] = _mm256_fmadd_ps(value, gradients[o], sums[o][t]);
            }
          }
        }
      }
    }
#pragma GCC unroll 4
    for (int o = 0; o < kGradients; ++o) {
#pragma GCC unroll 6
      for (int t = 0; t < kTaps; ++t) {
        _mm256_storeu_ps(s.sums + half + o * s.sums_step + t * kSampleLanes, sums[o][t]);
      }
    }
  }
}

[[gnu::target("avx512f")]] inline __m512 add_pairs(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_maskz_unpacklo_ps(0xffff, a, b),
                       _mm512_maskz_unpackhi_ps(0xffff, a, b));
}

// Of four registers: pairs of neighbours, pairs of those, then the quarters of what is left.
[[gnu::target("avx512f")]] inline void sum_four(const __m512* x, float* y) {
  const __m512d low = _mm512_castps_pd(add_pairs(x[0], x[1]));
  const __m512d high = _mm512_castps_pd(add_pairs(x[2], x[3]));
  alignas(64) float fours[kSampleLanes];
  _mm512_store_ps(fours,
                  _mm512_add_ps(_mm512_castpd_ps(_mm512_maskz_unpacklo_pd(0xff, low, high)),
                                _mm512_castpd_ps(_mm512_maskz_unpackhi_pd(0xff, low, high))));
  const __m128 even = _mm_add_ps(_mm_load_ps(fours), _mm_load_ps(fours + 8));
  const __m128 odd = _mm_add_ps(_mm_load_ps(fours + 4), _mm_load_ps(fours + 12));
  _mm_storeu_ps(y, _mm_add_ps(even, odd));
}

[[gnu::target("avx512f")]] void lane_sums512(const float* x, std::int64_t count, float* y) {
  __m512 rows[4];
  std::int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (int r = 0; r < 4; ++r) {
      rows[r] = _mm512_loadu_ps(x + (i + r) * kSampleLanes);
    }
    sum_four(rows, y + i);
  }
  if (i < count) {
    float sums[4];
    for (int r = 0; r < 4; ++r) {
      rows[r] = i + r < count ? _mm512_loadu_ps(x + (i + r) * kSampleLanes) : _mm512_setzero_ps();
    }
    sum_four(rows, sums);
    std::copy_n(sums, count - i, y + i);
  }
}

// The same additions.
[[gnu::target("avx2,fma")]] void lane_sums256(const float* x, std::int64_t count, float* y) {
  for (std::int64_t i = 0; i < count; ++i, x += kSampleLanes) {
    const __m256 low = _mm256_loadu_ps(x), high = _mm256_loadu_ps(x + 8);
    const __m256 pairs = _mm256_hadd_ps(low, high);     // of low, high, low, high
    const __m256 fours = _mm256_hadd_ps(pairs, pairs);  // low, high in each half
    const __m128 a = _mm256_castps256_ps128(fours), b = _mm256_extractf128_ps(fours, 1);
    const __m128 lows = _mm_unpacklo_ps(a, b);                          // quarters 0, 1, 2, 3
    const __m128 halves = _mm_add_ps(lows, _mm_movehl_ps(lows, lows));  // 0 + 2, 1 + 3
    y[i] = _mm_cvtss_f32(_mm_add_ss(halves, _mm_shuffle_ps(halves, halves, 1)));
  }
}

// The functions of all sizes, [first size - 1][second size - 1].
template <int kSecond, std::size_t... kAt>
constexpr auto strips512(std::index_sequence<kAt...>) {
  return std::array{strip512<kAt / kSecond + 1, kAt % kSecond + 1>...};
}
template <int kSecond, std::size_t... kAt>
constexpr auto strips256(std::index_sequence<kAt...>) {
  return std::array{strip256<kAt / kSecond + 1, kAt % kSecond + 1>...};
}
template <int kSecond, std::size_t... kAt>
constexpr auto all_sums512(std::index_sequence<kAt...>) {
  return std::array{sums512<kAt / kSecond + 1, kAt % kSecond + 1>...};
}
template <int kSecond, std::size_t... kAt>
constexpr auto all_sums256(std::index_sequence<kAt...>) {
  return std::array{sums256<kAt / kSecond + 1, kAt % kSecond + 1>...};
}

constexpr int kOutputs = 6, kPixels512 = 4, kPixels256 = 2;
constexpr int kTaps = 6, kGradients512 = 4, kGradients256 = 2;
constexpr auto kStrips512 =
    strips512<kPixels512>(std::make_index_sequence<kOutputs * kPixels512>());
constexpr auto kStrips256 =
    strips256<kPixels256>(std::make_index_sequence<kOutputs * kPixels256>());
constexpr auto kSums512 = all_sums512<kTaps>(std::make_index_sequence<kGradients512 * kTaps>());
constexpr auto kSums256 = all_sums256<kTaps>(std::make_index_sequence<kGradients256 * kTaps>());

template <const auto& kTable, int kSecond, class Work>
void run(const Work& work, int first, int second) {
  kTable[static_cast<std::size_t>((first - 1) * kSecond + second - 1)](work);
}

constexpr LaneConvKernels k512{kOutputs,
                               kPixels512,
                               kGradients512,
                               kTaps,
                               run<kStrips512, kPixels512, ConvStrip>,
                               run<kSums512, kTaps, ConvTapSums>,
                               lane_sums512};
constexpr LaneConvKernels k256{kOutputs,
                               kPixels256,
                               kGradients256,
                               kTaps,
                               run<kStrips256, kPixels256, ConvStrip>,
                               run<kSums256, kTaps, ConvTapSums>,
                               lane_sums256};

}  // namespace

const LaneConvKernels* lane_conv_kernels() {
  if (__builtin_cpu_supports("avx512f") != 0) {
    return &k512;
  }
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 ? &k256
                                                                                   : nullptr;
}

}  // namespace temper::cpu
