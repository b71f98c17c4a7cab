// Forward: the last input of each output is found first, then each output takes its own, so that
// the order of threads does not matter.
#include "backends/cuda/device/element_bytes.cuh"
#include "backends/cuda/device/index_fault.cuh"
#include "backends/cuda/kernels/max_unpool.h"

namespace temper::cuda {
namespace {

// Where the place of input i lies in the output, or -1.
__device__ std::int64_t place_of(const UnpoolPlaces& p, std::int64_t i) {
  const std::int64_t place = p.places[i];
  if (place < 0 || place >= p.pooled.count) {
    note_index(p.fault, place, 0, p.pooled.count);
    return -1;
  }
  return p.pooled.find(place, 0);
}

__global__ void __launch_bounds__(kBlock) clear_kernel(long long* last, std::int64_t count) {
  const std::int64_t i = thread_number();
  if (i < count) {
    last[i] = -1;
  }
}

__global__ void __launch_bounds__(kBlock) mark_kernel(const UnpoolPlaces p, long long* last) {
  const std::int64_t i = thread_number();
  const std::int64_t at = i < p.count ? place_of(p, i) : -1;
  if (at >= 0) {
    atomicMax(last + at, static_cast<long long>(i));
  }
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    take_kernel(const long long* last, const T* x, T* y, std::int64_t count) {
  const std::int64_t i = thread_number();
  if (i < count) {
    y[i] = last[i] < 0 ? T(0) : x[last[i]];
  }
}

template <class T>
__global__ void __launch_bounds__(kBlock) grad_kernel(const UnpoolPlaces p, const T* dy, T* dx) {
  const std::int64_t i = thread_number();
  if (i < p.count) {
    const std::int64_t at = place_of(p, i);
    dx[i] = at < 0 ? T(0) : dy[at];
  }
}

}  // namespace

void max_unpool(const UnpoolPlaces& places, std::size_t element_bytes, const void* x, void* y,
                std::int64_t outputs, long long* last, StreamHandle stream) {
  launch_elements(clear_kernel, outputs, stream, last, outputs);
  launch_elements(mark_kernel, places.count, stream, places, last);
  visit_bytes(element_bytes, [&]<class T>(T) {
    launch_elements(take_kernel<T>, outputs, stream, last, static_cast<const T*>(x),
                    static_cast<T*>(y), outputs);
  });
}

void max_unpool_grad(const UnpoolPlaces& places, std::size_t element_bytes, const void* dy,
                     void* dx, StreamHandle stream) {
  visit_bytes(element_bytes, [&]<class T>(T) {
    launch_elements(grad_kernel<T>, places.count, stream, places, static_cast<const T*>(dy),
                    static_cast<T*>(dx));
  });
}

}  // namespace temper::cuda
