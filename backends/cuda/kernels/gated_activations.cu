// A thread per element.
#include "backends/common/activations.h"
#include "backends/cuda/device/float16.cuh"
#include "backends/cuda/kernels/gated_activations.h"

namespace temper::cuda {
namespace {

template <class T>
__global__ void __launch_bounds__(kBlock)
    swish_kernel(const Places<2> places, float alpha, const T* a, const T* b, T* y) {
  const std::int64_t i = thread_number();
  if (i < places.count) {
    const float value = a[places.find(i, 0)];
    const float made = value * functors::Sigmoid{}(alpha * value);
    y[i] = b == nullptr ? made : made * b[places.find(i, 1)];
  }
}

template <class T>
__global__ void __launch_bounds__(kBlock) mish_kernel(const T* x, T* y, std::int64_t count) {
  const std::int64_t i = thread_number();
  if (i < count) {
    const float value = x[i];
    y[i] = value * tanhf(functors::Softplus{}(value));
  }
}

}  // namespace

void swish(const Places<2>& places, float alpha, DType dtype, const void* a, const void* b, void* y,
           StreamHandle stream) {
  visit_stored(dtype, [&]<class T>(T) {
    launch_elements(swish_kernel<T>, places.count, stream, places, alpha, static_cast<const T*>(a),
                    static_cast<const T*>(b), static_cast<T*>(y));
  });
}

void mish(DType dtype, const void* x, void* y, std::int64_t count, StreamHandle stream) {
  visit_stored(dtype, [&]<class T>(T) {
    launch_elements(mish_kernel<T>, count, stream, static_cast<const T*>(x), static_cast<T*>(y),
                    count);
  });
}

}  // namespace temper::cuda
