// A row in one register of AVX-512; of fewer lanes by a mask.
#include <immintrin.h>

#include <algorithm>

#include "backends/cpu/norm_kernels.h"

namespace temper::cpu {
namespace {

__mmask16 lanes_of(int width) {
  return static_cast<__mmask16>((1U << static_cast<unsigned>(width)) - 1);
}

[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] inline __m512 load(__mmask16 lanes,
                                                                         const float* x) {
  return _mm512_maskz_loadu_ps(lanes, x);
}
[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] inline __m512 load(__mmask16 lanes,
                                                                         const BFloat16* x) {
  const __m256i bits = _mm256_maskz_loadu_epi16(lanes, x);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] inline void store(__mmask16 lanes, __m512 v,
                                                                        float* y) {
  _mm512_mask_storeu_ps(y, lanes, v);
}
// Rounded to nearest even; NaN stays one.
[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] inline void store(__mmask16 lanes, __m512 v,
                                                                        BFloat16* y) {
  const __m512i x = _mm512_castps_si512(v), high = _mm512_srli_epi32(x, 16);
  const __m512i odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
  const __m512i sum = _mm512_add_epi32(_mm512_add_epi32(x, _mm512_set1_epi32(0x7fff)), odd);
  const __m512i rounded = _mm512_srli_epi32(sum, 16);
  const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
  const __m512i kept = _mm512_mask_or_epi32(rounded, nan, high, _mm512_set1_epi32(0x40));
  _mm256_mask_storeu_epi16(y, lanes, _mm512_cvtepi32_epi16(kept));
}

[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] inline void widen(__m512 v, __m512d& low,
                                                                        __m512d& high) {
  low = _mm512_cvtps_pd(_mm512_castps512_ps256(v));
  high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1));
}

// totals += v, of lanes that the rows reach.
[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] inline void add_to(double* totals,
                                                                         __mmask16 lanes,
                                                                         __m512d low,
                                                                         __m512d high) {
  const auto upper = static_cast<__mmask8>(lanes >> 8);
  const __m512d first = _mm512_loadu_pd(totals), second = _mm512_loadu_pd(totals + 8);
  _mm512_storeu_pd(totals, _mm512_mask_add_pd(first, static_cast<__mmask8>(lanes), first, low));
  _mm512_storeu_pd(totals + 8, _mm512_mask_add_pd(second, upper, second, high));
}
[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] inline void add_to(double* totals,
                                                                         __mmask16 lanes,
                                                                         __m512 v) {
  __m512d low, high;
  widen(v, low, high);
  add_to(totals, lanes, low, high);
}

[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] void moments_of(const NormRows& rows,
                                                                      const float* x,
                                                                      LaneMoments& moments) {
  const __mmask16 lanes = lanes_of(rows.width);
  __m512d shifts[2], values[2], sums[2] = {}, squares[2] = {};
  widen(_mm512_loadu_ps(moments.shift), shifts[0], shifts[1]);
  for (std::int64_t r = 0; r < rows.count; ++r, x += rows.stride) {
    widen(load(lanes, x), values[0], values[1]);
    for (int i = 0; i < 2; ++i) {
      const __m512d value = _mm512_sub_pd(values[i], shifts[i]);
      sums[i] = _mm512_add_pd(sums[i], value);
      squares[i] = _mm512_add_pd(squares[i], _mm512_mul_pd(value, value));
    }
  }
  add_to(moments.sum, lanes, sums[0], sums[1]);
  add_to(moments.square, lanes, squares[0], squares[1]);
}

[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] void short_moments_of(const NormRows& rows,
                                                                            const BFloat16* x,
                                                                            LaneMoments& moments) {
  const __mmask16 lanes = lanes_of(rows.width);
  const __m512 shift = _mm512_loadu_ps(moments.shift);
  for (std::int64_t first = 0; first < rows.count; first += kFewRows) {
    const std::int64_t end = std::min(rows.count, first + kFewRows);
    __m512 sum = _mm512_setzero_ps(), square = sum;
    for (std::int64_t r = first; r < end; ++r, x += rows.stride) {
      const __m512 value = _mm512_sub_ps(load(lanes, x), shift);
      sum = _mm512_add_ps(sum, value);
      square = _mm512_add_ps(square, _mm512_mul_ps(value, value));
    }
    add_to(moments.sum, lanes, sum);
    add_to(moments.square, lanes, square);
  }
}

struct Affine {
  __m512 mean, factor, bias, ceiling;

  [[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] explicit Affine(const LaneAffine& a)
      : mean(_mm512_loadu_ps(a.mean)),
        factor(_mm512_loadu_ps(a.factor)),
        bias(_mm512_loadu_ps(a.bias)),
        ceiling(_mm512_set1_ps(a.ceiling)) {}
  [[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] __m512 value(__m512 centred) const {
    return _mm512_add_ps(_mm512_mul_ps(centred, factor), bias);
  }
  // dy where the ReLU lets it pass.
  template <bool kRelu>
  [[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] __m512 pass(__m512 centred,
                                                                    __m512 dy) const {
    if constexpr (!kRelu) {
      return dy;
    }
    const __m512 y = value(centred);
    const __mmask16 above = _mm512_cmp_ps_mask(y, _mm512_setzero_ps(), _CMP_GT_OQ);
    return _mm512_maskz_mov_ps(_mm512_mask_cmp_ps_mask(above, y, ceiling, _CMP_NGE_UQ), dy);
  }
};

template <class T, bool kRelu>
[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] void normalise_rows(const NormRows& rows,
                                                                          const T* x,
                                                                          const LaneAffine& affine,
                                                                          T* y) {
  const __mmask16 lanes = lanes_of(rows.width);
  const Affine a(affine);
  const std::int64_t count = rows.count, stride = rows.stride;
  for (std::int64_t r = 0; r < count; ++r, x += stride, y += stride) {
    __m512 row = a.value(_mm512_sub_ps(load(lanes, x), a.mean));
    if constexpr (kRelu) {
      // NaN stays.
      row = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(row, _mm512_setzero_ps(), _CMP_NLE_UQ), row);
      row = _mm512_mask_mov_ps(row, _mm512_cmp_ps_mask(row, a.ceiling, _CMP_GT_OQ), a.ceiling);
    }
    store(lanes, row, y);
  }
}

template <class T, bool kRelu>
[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] void gradient_sums_of(
    const NormRows& rows, const T* x, const T* dy, const LaneAffine& affine,
    LaneGradientSums& sums) {
  const __mmask16 lanes = lanes_of(rows.width);
  const Affine a(affine);
  for (std::int64_t first = 0; first < rows.count; first += kFewRows) {
    const std::int64_t end = std::min(rows.count, first + kFewRows);
    __m512 g = _mm512_setzero_ps(), gc = g, c = g;
    for (std::int64_t r = first; r < end; ++r, x += rows.stride, dy += rows.stride) {
      const __m512 centred = _mm512_sub_ps(load(lanes, x), a.mean);
      const __m512 above = a.pass<kRelu>(centred, load(lanes, dy));
      g = _mm512_add_ps(g, above);
      gc = _mm512_add_ps(gc, _mm512_mul_ps(above, centred));
      c = _mm512_add_ps(c, centred);
    }
    add_to(sums.g, lanes, g);
    add_to(sums.gc, lanes, gc);
    add_to(sums.c, lanes, c);
  }
}

template <class T, bool kRelu>
[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] void gradient_rows(
    const NormRows& rows, const T* x, const T* dy, const LaneAffine& affine,
    const LaneGradient& gradient, T* dx) {
  const __mmask16 lanes = lanes_of(rows.width);
  const Affine a(affine);
  const __m512 slope = _mm512_loadu_ps(gradient.slope);
  const __m512 constant = _mm512_loadu_ps(gradient.constant);
  const std::int64_t count = rows.count, stride = rows.stride;
  for (std::int64_t r = 0; r < count; ++r, x += stride, dy += stride, dx += stride) {
    const __m512 centred = _mm512_sub_ps(load(lanes, x), a.mean);
    const __m512 above = a.pass<kRelu>(centred, load(lanes, dy));
    const __m512 line = _mm512_sub_ps(_mm512_mul_ps(centred, slope), constant);
    store(lanes, _mm512_sub_ps(_mm512_mul_ps(above, a.factor), line), dx);
  }
}

void moments(const NormRows& rows, const float* x, LaneMoments& to) { moments_of(rows, x, to); }
void moments(const NormRows& rows, const BFloat16* x, LaneMoments& to) {
  short_moments_of(rows, x, to);
}

template <class T>
constexpr NormKernels<T> kWide = {
    [](const NormRows& rows, const T* x, LaneMoments& to) { moments(rows, x, to); },
    [](const NormRows& rows, const T* x, const LaneAffine& affine, bool relu, T* y) {
      relu ? normalise_rows<T, true>(rows, x, affine, y)
           : normalise_rows<T, false>(rows, x, affine, y);
    },
    [](const NormRows& rows, const T* x, const T* dy, const LaneAffine& affine, bool relu,
       LaneGradientSums& sums) {
      relu ? gradient_sums_of<T, true>(rows, x, dy, affine, sums)
           : gradient_sums_of<T, false>(rows, x, dy, affine, sums);
    },
    [](const NormRows& rows, const T* x, const T* dy, const LaneAffine& affine, bool relu,
       const LaneGradient& gradient, T* dx) {
      relu ? gradient_rows<T, true>(rows, x, dy, affine, gradient, dx)
           : gradient_rows<T, false>(rows, x, dy, affine, gradient, dx);
    }};

bool has_wide_registers() { return __builtin_cpu_supports("x86-64-v4") != 0; }

}  // namespace

template <>
const NormKernels<float>* wide_norm_kernels() {
  return has_wide_registers() ? &kWide<float> : nullptr;
}

template <>
const NormKernels<BFloat16>* wide_norm_kernels() {
  return has_wide_registers() ? &kWide<BFloat16> : nullptr;
}

}  // namespace temper::cpu
