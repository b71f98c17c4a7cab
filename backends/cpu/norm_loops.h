// The loops of batch normalisation over rows of channels side by side, of f32 or bf16 with the
// arithmetic in f32, in AVX-512, AVX2 and plain x86-64 form. Sums are kept in double. Differences
// to a mean near the values are exact in float, so a large mean costs nothing.
#pragma once

#include <cstdint>
#include <limits>

#include "runtime/base/float16.h"

namespace temper::cpu {

inline constexpr int kNormLanes = 16;

// `count` rows, `stride` elements apart, of `width` <= kNormLanes neighbouring elements, one lane
// each.
struct NormRows {
  std::int64_t count = 0;
  std::int64_t stride = 0;
  int width = 0;
};

// Sums over the values of each lane less its shift, and over their squares.
struct LaneMoments {
  float shift[kNormLanes] = {};
  double sum[kNormLanes] = {};
  double square[kNormLanes] = {};
};
void add_moments(const NormRows& rows, const float* x, LaneMoments& moments);
void add_moments(const NormRows& rows, const BFloat16* x, LaneMoments& moments);

// y = (x - mean) * factor + bias, behind a ReLU no more than `ceiling`; NaN: it has none.
struct LaneAffine {
  float mean[kNormLanes] = {};
  float factor[kNormLanes] = {};
  float bias[kNormLanes] = {};
  float ceiling = std::numeric_limits<float>::quiet_NaN();
};
void normalise(const NormRows& rows, const float* x, const LaneAffine& affine, bool relu, float* y);
void normalise(const NormRows& rows, const BFloat16* x, const LaneAffine& affine, bool relu,
               BFloat16* y);

// With c = x - mean and g = dy, or 0 where the fused ReLU's input is not positive, or not
// below its ceiling.
struct LaneGradientSums {
  double g[kNormLanes] = {};
  double gc[kNormLanes] = {};
  double c[kNormLanes] = {};
};
void add_gradient_sums(const NormRows& rows, const float* x, const float* dy,
                       const LaneAffine& affine, bool relu, LaneGradientSums& sums);
void add_gradient_sums(const NormRows& rows, const BFloat16* x, const BFloat16* dy,
                       const LaneAffine& affine, bool relu, LaneGradientSums& sums);

// dx = g * factor - c * slope + constant
struct LaneGradient {
  float slope[kNormLanes] = {};
  float constant[kNormLanes] = {};
};
void normalise_grad(const NormRows& rows, const float* x, const float* dy, const LaneAffine& affine,
                    bool relu, const LaneGradient& gradient, float* dx);
void normalise_grad(const NormRows& rows, const BFloat16* x, const BFloat16* dy,
                    const LaneAffine& affine, bool relu, const LaneGradient& gradient,
                    BFloat16* dx);

}  // namespace temper::cpu
