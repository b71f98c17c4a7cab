// Which of the loops the processor takes.
#include "backends/cpu/norm_loops.h"

#include "backends/cpu/norm_kernels.h"

namespace temper::cpu {
namespace {

template <class T>
const NormKernels<T>& kernels() {
  static const NormKernels<T>* const wide = wide_norm_kernels<T>();
  return wide != nullptr ? *wide : narrow_norm_kernels<T>();
}

}  // namespace

void add_moments(const NormRows& rows, const float* x, LaneMoments& moments) {
  kernels<float>().moments(rows, x, moments);
}

void normalise(const NormRows& rows, const float* x, const LaneAffine& affine, bool relu,
               float* y) {
  kernels<float>().normalise(rows, x, affine, relu, y);
}

void add_gradient_sums(const NormRows& rows, const float* x, const float* dy,
                       const LaneAffine& affine, bool relu, LaneGradientSums& sums) {
  kernels<float>().gradient_sums(rows, x, dy, affine, relu, sums);
}

void normalise_grad(const NormRows& rows, const float* x, const float* dy, const LaneAffine& affine,
                    bool relu, const LaneGradient& gradient, float* dx) {
  kernels<float>().gradient(rows, x, dy, affine, relu, gradient, dx);
}

void add_moments(const NormRows& rows, const BFloat16* x, LaneMoments& moments) {
  kernels<BFloat16>().moments(rows, x, moments);
}

void normalise(const NormRows& rows, const BFloat16* x, const LaneAffine& affine, bool relu,
               BFloat16* y) {
  kernels<BFloat16>().normalise(rows, x, affine, relu, y);
}

void add_gradient_sums(const NormRows& rows, const BFloat16* x, const BFloat16* dy,
                       const LaneAffine& affine, bool relu, LaneGradientSums& sums) {
  kernels<BFloat16>().gradient_sums(rows, x, dy, affine, relu, sums);
}

void normalise_grad(const NormRows& rows, const BFloat16* x, const BFloat16* dy,
                    const LaneAffine& affine, bool relu, const LaneGradient& gradient,
                    BFloat16* dx) {
  kernels<BFloat16>().gradient(rows, x, dy, affine, relu, gradient, dx);
}

}  // namespace temper::cpu
