// A block per unit.
#include "backends/cuda/device/reduce.cuh"
#include "backends/cuda/kernels/adaptive_clip.h"

namespace temper::cuda {
namespace {

template <class F>
__device__ void for_each_element(const UnitView& view, const F& f) {
  for (std::int64_t i = threadIdx.x; i < view.outer * view.inner; i += blockDim.x) {
    f((i / view.inner * view.units + blockIdx.x) * view.inner + i % view.inner);
  }
}

__device__ double unit_norm(const AdaptiveClip& clip, const float* x, Scratch<double>& scratch) {
  return visit_norm(clip.norm_type, [&](auto norm) {
    double sum = 0;
    for_each_element(clip.view,
                     [&](std::int64_t at) { norm.add(sum, static_cast<double>(x[at])); });
    sum = std::isinf(clip.norm_type) ? block_reduce<Maximum>(sum, scratch, 0.0)
                                     : block_reduce<Sum>(sum, scratch, 0.0);
    return norm.finish(sum);
  });
}

__global__ void __launch_bounds__(kBlock)
    clip_kernel(const AdaptiveClip clip, const float* gradient, const float* parameter,
                float* clipped) {
  Scratch<double>& scratch = shared_as<Scratch<double>>();
  const double factor =
      clip.factor(unit_norm(clip, parameter, scratch), unit_norm(clip, gradient, scratch));
  for_each_element(clip.view, [&](std::int64_t at) {
    clipped[at] = static_cast<float>(static_cast<double>(gradient[at]) * factor);
  });
}

}  // namespace

void adaptive_clip(const AdaptiveClip& clip, const float* gradient, const float* parameter,
                   float* clipped, StreamHandle stream) {
  launch(clip_kernel, clip.view.units, kBlock, sizeof(Scratch<double>), stream, clip, gradient,
         parameter, clipped);
}

}  // namespace temper::cuda
