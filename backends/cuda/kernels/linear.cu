#include "backends/cuda/kernels/linear.h"
#include "backends/cuda/launch.cuh"

namespace temper::cuda {
namespace {

__global__ void __launch_bounds__(kBlock)
    scale_kernel(const Places<1> places, const float* __restrict__ c, float factor,
                 float* __restrict__ y) {
  const std::int64_t i = thread_number();
  if (i < places.count) {
    y[i] = factor * c[places.find(i, 0)];
  }
}

__global__ void __launch_bounds__(kBlock) rectify_kernel(float* y, std::int64_t count) {
  const std::int64_t i = thread_number();
  if (i < count && y[i] < 0.0f) {
    y[i] = 0.0f;
  }
}

}  // namespace

void scale_broadcast(const Places<1>& places, const float* c, float factor, float* y,
                     StreamHandle stream) {
  launch_elements(scale_kernel, places.count, stream, places, c, factor, y);
}

void rectify(float* y, std::int64_t count, StreamHandle stream) {
  launch_elements(rectify_kernel, count, stream, y, count);
}

}  // namespace temper::cuda
