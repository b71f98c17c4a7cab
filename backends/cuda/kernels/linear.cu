// What is done around products by a thread per element.
#include "backends/cuda/device/float16.cuh"
#include "backends/cuda/kernels/linear.h"

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

template <class T>
__global__ void __launch_bounds__(kBlock) rectify_kernel(T* y, std::int64_t count) {
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

void rectify(DType dtype, void* y, std::int64_t count, StreamHandle stream) {
  visit_stored(dtype, [&]<class T>(T) {
    launch_elements(rectify_kernel<T>, count, stream, static_cast<T*>(y), count);
  });
}

}  // namespace temper::cuda
