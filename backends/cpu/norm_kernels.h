// The loops of norm_loops.h: for processors that hold a row in one register, and for all. Both do
// the same operations on each element.
#pragma once

#include "backends/cpu/norm_loops.h"

namespace temper::cpu {

// Over so few rows a sum in float rounds no more than the products in it do; then it goes to
// double.
inline constexpr std::int64_t kFewRows = 16;

template <class T>
struct NormKernels {
  void (*moments)(const NormRows& rows, const T* x, LaneMoments& moments);
  void (*normalise)(const NormRows& rows, const T* x, const LaneAffine& affine, bool relu, T* y);
  void (*gradient_sums)(const NormRows& rows, const T* x, const T* dy, const LaneAffine& affine,
                        bool relu, LaneGradientSums& sums);
  void (*gradient)(const NormRows& rows, const T* x, const T* dy, const LaneAffine& affine,
                   bool relu, const LaneGradient& gradient, T* dx);
};

// Null: the processor has no such registers.
template <class T>
const NormKernels<T>* wide_norm_kernels();
template <>
const NormKernels<float>* wide_norm_kernels();
template <>
const NormKernels<BFloat16>* wide_norm_kernels();

template <class T>
const NormKernels<T>& narrow_norm_kernels();
template <>
const NormKernels<float>& narrow_norm_kernels();
template <>
const NormKernels<BFloat16>& narrow_norm_kernels();

}  // namespace temper::cpu
