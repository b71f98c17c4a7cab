// A thread per element that is moved or filled.
#include "backends/cuda/device/element_bytes.cuh"
#include "backends/cuda/kernels/strided_copies.h"
#include "backends/cuda/launch.cuh"

namespace temper::cuda {
namespace {

template <class T>
__global__ void __launch_bounds__(kBlock)
    copy_kernel(const Places<2> places, const T* __restrict__ x, T* __restrict__ y) {
  const std::int64_t i = thread_number();
  if (i < places.count) {
    y[places.find(i, 1)] = x[places.find(i, 0)];
  }
}

template <class T>
__global__ void __launch_bounds__(kBlock) fill_kernel(T value, T* y, std::int64_t count) {
  const std::int64_t i = thread_number();
  if (i < count) {
    y[i] = value;
  }
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    copy_if_kernel(const bool* ok, const T* x, T* y, std::int64_t count) {
  const std::int64_t i = thread_number();
  if (i < count && *ok) {
    y[i] = x[i];
  }
}

}  // namespace

void copy_strided(const Places<2>& places, std::size_t element_bytes, const void* x, void* y,
                  StreamHandle stream) {
  visit_bytes(element_bytes, [&]<class T>(T) {
    launch_elements(copy_kernel<T>, places.count, stream, places, static_cast<const T*>(x),
                    static_cast<T*>(y));
  });
}

void fill_elements(std::size_t element_bytes, std::uint64_t bits, void* y, std::int64_t count,
                   StreamHandle stream) {
  visit_bytes(element_bytes, [&]<class T>(T) {
    launch_elements(fill_kernel<T>, count, stream, static_cast<T>(bits), static_cast<T*>(y), count);
  });
}

void copy_if(const bool* ok, const void* x, void* y, std::int64_t bytes, StreamHandle stream) {
  // Tensors are aligned, so that whole words can be moved.
  const bool words = bytes % 4 == 0;
  visit_bytes(words ? 4 : 1, [&]<class T>(T) {
    const auto count = bytes / static_cast<std::int64_t>(sizeof(T));
    launch_elements(copy_if_kernel<T>, count, stream, ok, static_cast<const T*>(x),
                    static_cast<T*>(y), count);
  });
}

}  // namespace temper::cuda
