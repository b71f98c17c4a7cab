// A thread per element.
#include "backends/common/activations.h"
#include "backends/cuda/kernels/gated_activations.h"
#include "backends/cuda/launch.cuh"

namespace temper::cuda {
namespace {

__global__ void __launch_bounds__(kBlock)
    swish_kernel(const Places<2> places, float alpha, const float* a, const float* b, float* y) {
  const std::int64_t i = thread_number();
  if (i < places.count) {
    const float value = a[places.find(i, 0)];
    const float made = value * functors::Sigmoid{}(alpha * value);
    y[i] = b == nullptr ? made : made * b[places.find(i, 1)];
  }
}

__global__ void __launch_bounds__(kBlock)
    mish_kernel(const float* x, float* y, std::int64_t count) {
  const std::int64_t i = thread_number();
  if (i < count) {
    const float value = x[i];
    y[i] = value * tanhf(functors::Softplus{}(value));
  }
}

}  // namespace

void swish(const Places<2>& places, float alpha, const float* a, const float* b, float* y,
           StreamHandle stream) {
  launch_elements(swish_kernel, places.count, stream, places, alpha, a, b, y);
}

void mish(const float* x, float* y, std::int64_t count, StreamHandle stream) {
  launch_elements(mish_kernel, count, stream, x, y, count);
}

}  // namespace temper::cuda
