// Forward: a thread per output. Backward: a thread per input, which looks at the windows that hold
// it, so that sums have one order and nothing is shared.
#include <limits>

#include "backends/cuda/device/float16.cuh"
#include "backends/cuda/device/windows.cuh"
#include "backends/cuda/kernels/pool.h"

namespace temper::cuda {
namespace {

// Element i of [outer, size, lanes].
struct Place {
  std::int64_t plane, offset;  // among planes, and in its plane
  std::int64_t outer, lane;

  __device__ Place(const PoolShape& p, std::int64_t size, std::int64_t i)
      : offset(i / p.lanes % size), outer(i / p.lanes / size), lane(i % p.lanes) {
    plane = outer * p.lanes + lane;
  }
  // The element of the same plane at offset 0 in a tensor of planes of this size.
  __device__ std::int64_t first(const PoolShape& p, std::int64_t size) const {
    return outer * size * p.lanes + lane;
  }
};

// As the reference's divisor().
__device__ std::int64_t divisor(const PoolShape& p, const WindowAt& at) {
  std::int64_t count = 1;
  for (int i = 0; i < 3; ++i) {
    Range taps = at.taps[i];
    if (p.count_padding) {
      taps = taps_in(at.start[i] + p.pad_begin[i], p.dilation[i], p.kernel[i],
                     p.in[i] + p.pad_begin[i] + p.pad_end[i]);
    }
    count *= taps.end - taps.begin;
  }
  return count < 1 ? 1 : count;
}

__device__ std::int64_t onnx_index(const PoolShape& p, std::int64_t plane, std::int64_t offset) {
  if (p.column_major) {
    const std::int64_t c = offset % p.in[2];
    const std::int64_t b = offset / p.in[2] % p.in[1];
    const std::int64_t a = offset / p.in[2] / p.in[1];
    offset = (c * p.in[1] + b) * p.in[0] + a;
  }
  return plane * p.in_plane() + offset;
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    max_pool_kernel(const PoolShape p, const T* __restrict__ x, T* __restrict__ y,
                    std::int64_t* __restrict__ indices, std::int64_t* __restrict__ saved) {
  const std::int64_t i = thread_number();
  if (i >= p.planes * p.out_plane()) {
    return;
  }
  const Place place(p, p.out_plane(), i);
  const T* from = x + place.first(p, p.in_plane());
  std::int64_t best = -1;
  float most = -std::numeric_limits<float>::infinity();
  for_each_element(p, window_at(p, place.offset), [&](std::int64_t at, std::int64_t) {
    const float value = from[at * p.lanes];
    if (best < 0 || value > most || (value != value && most == most)) {
      best = at;
      most = value;
    }
  });
  if (y != nullptr) {
    y[i] = most;
  }
  if (indices != nullptr) {
    indices[i] = onnx_index(p, place.plane, best < 0 ? 0 : best);
  }
  if (saved != nullptr) {
    saved[i] = best;
  }
}

template <class T>
__global__ void __launch_bounds__(kBlock, 2)
    max_pool_grad_kernel(const PoolShape p, const T* __restrict__ dy,
                         const std::int64_t* __restrict__ saved, T* __restrict__ dx) {
  const std::int64_t i = thread_number();
  if (i >= p.planes * p.in_plane()) {
    return;
  }
  const Place place(p, p.in_plane(), i);
  const std::int64_t first = place.first(p, p.out_plane());
  double sum = 0;
  for_each_window(p, place.offset, [&](std::int64_t o, std::int64_t) {
    const std::int64_t at = first + o * p.lanes;
    if (saved[at] == place.offset) {
      sum += static_cast<double>(dy[at]);
    }
  });
  dx[i] = static_cast<float>(sum);
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    average_pool_kernel(const PoolShape p, const T* __restrict__ x, T* __restrict__ y) {
  const std::int64_t i = thread_number();
  if (i >= p.planes * p.out_plane()) {
    return;
  }
  const Place place(p, p.out_plane(), i);
  const T* from = x + place.first(p, p.in_plane());
  const WindowAt at = window_at(p, place.offset);
  double sum = 0;
  for_each_element(
      p, at, [&](std::int64_t e, std::int64_t) { sum += static_cast<double>(from[e * p.lanes]); });
  y[i] = static_cast<float>(sum / static_cast<double>(divisor(p, at)));
}

template <class T>
__global__ void __launch_bounds__(kBlock, 2)
    average_pool_grad_kernel(const PoolShape p, const T* __restrict__ dy, T* __restrict__ dx) {
  const std::int64_t i = thread_number();
  if (i >= p.planes * p.in_plane()) {
    return;
  }
  const Place place(p, p.in_plane(), i);
  const std::int64_t first = place.first(p, p.out_plane());
  double sum = 0;
  for_each_window(p, place.offset, [&](std::int64_t o, std::int64_t) {
    sum += static_cast<double>(dy[first + o * p.lanes]) /
           static_cast<double>(divisor(p, window_at(p, o)));
  });
  dx[i] = static_cast<float>(sum);
}

}  // namespace

void max_pool(const PoolShape& shape, DType dtype, const void* x, void* y, std::int64_t* indices,
              std::int64_t* saved, StreamHandle stream) {
  visit_stored(dtype, [&]<class T>(T) {
    launch_elements(max_pool_kernel<T>, shape.planes * shape.out_plane(), stream, shape,
                    static_cast<const T*>(x), static_cast<T*>(y), indices, saved);
  });
}

void max_pool_grad(const PoolShape& shape, DType dtype, const void* dy, const std::int64_t* saved,
                   void* dx, StreamHandle stream) {
  visit_stored(dtype, [&]<class T>(T) {
    launch_elements(max_pool_grad_kernel<T>, shape.planes * shape.in_plane(), stream, shape,
                    static_cast<const T*>(dy), saved, static_cast<T*>(dx));
  });
}

void average_pool(const PoolShape& shape, DType dtype, const void* x, void* y,
                  StreamHandle stream) {
  visit_stored(dtype, [&]<class T>(T) {
    launch_elements(average_pool_kernel<T>, shape.planes * shape.out_plane(), stream, shape,
                    static_cast<const T*>(x), static_cast<T*>(y));
  });
}

void average_pool_grad(const PoolShape& shape, DType dtype, const void* dy, void* dx,
                       StreamHandle stream) {
  visit_stored(dtype, [&]<class T>(T) {
    launch_elements(average_pool_grad_kernel<T>, shape.planes * shape.in_plane(), stream, shape,
                    static_cast<const T*>(dy), static_cast<T*>(dx));
  });
}

}  // namespace temper::cuda
