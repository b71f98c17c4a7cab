// Forward: a thread per output. Backward: a thread per input, which looks at the windows that hold
// it, so that sums have one order and nothing is shared.
#include <limits>

#include "backends/cuda/kernels/pool.h"
#include "backends/cuda/launch.cuh"

namespace temper::cuda {
namespace {

struct Range {
  std::int64_t begin, end;
};

// Taps of a window that lie inside `size`, the first being at `start`.
__device__ Range taps_in(std::int64_t start, std::int64_t dilation, std::int64_t kernel,
                         std::int64_t size) {
  const std::int64_t begin = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
  const std::int64_t end = start >= size ? 0 : (size - start + dilation - 1) / dilation;
  const std::int64_t last = end < kernel ? end : kernel;
  return {begin, last < begin ? begin : last};
}

struct WindowAt {
  std::int64_t start[3];
  Range taps[3];
};

__device__ WindowAt window_at(const PoolShape& p, std::int64_t position) {
  WindowAt at;
  for (int i = 2; i >= 0; --i) {
    at.start[i] = position % p.out[i] * p.stride[i] - p.pad_begin[i];
    position /= p.out[i];
    at.taps[i] = taps_in(at.start[i], p.dilation[i], p.kernel[i], p.in[i]);
  }
  return at;
}

// f(place in the plane) for the window's elements inside the input, in row-major order.
template <class F>
__device__ void for_each_element(const PoolShape& p, const WindowAt& at, const F& f) {
  for (std::int64_t a = at.taps[0].begin; a < at.taps[0].end; ++a) {
    const std::int64_t depth = (at.start[0] + a * p.dilation[0]) * p.in[1];
    for (std::int64_t b = at.taps[1].begin; b < at.taps[1].end; ++b) {
      const std::int64_t row = (depth + at.start[1] + b * p.dilation[1]) * p.in[2];
      for (std::int64_t c = at.taps[2].begin; c < at.taps[2].end; ++c) {
        f(row + at.start[2] + c * p.dilation[2]);
      }
    }
  }
}

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

// The outputs along axis i whose windows may hold the input position.
__device__ Range windows_over(const PoolShape& p, int i, std::int64_t position) {
  const std::int64_t reach = position + p.pad_begin[i];
  const std::int64_t extent = (p.kernel[i] - 1) * p.dilation[i];
  const std::int64_t first = reach <= extent ? 0 : (reach - extent + p.stride[i] - 1) / p.stride[i];
  const std::int64_t end = reach / p.stride[i] + 1;
  return {first, end < p.out[i] ? end : p.out[i]};
}

// f(output's place in its plane) for the windows that hold the input's place.
template <class F>
__device__ void for_each_window(const PoolShape& p, std::int64_t offset, const F& f) {
  std::int64_t at[3];
  Range windows[3];
  for (int i = 2; i >= 0; --i) {
    at[i] = offset % p.in[i];
    offset /= p.in[i];
    windows[i] = windows_over(p, i, at[i]);
  }
  const auto holds = [&](int i, std::int64_t o) {
    return (at[i] + p.pad_begin[i] - o * p.stride[i]) % p.dilation[i] == 0;
  };
  for (std::int64_t a = windows[0].begin; a < windows[0].end; ++a) {
    for (std::int64_t b = windows[1].begin; b < windows[1].end; ++b) {
      for (std::int64_t c = windows[2].begin; c < windows[2].end; ++c) {
        if (holds(0, a) && holds(1, b) && holds(2, c)) {
          f((a * p.out[1] + b) * p.out[2] + c);
        }
      }
    }
  }
}

__global__ void __launch_bounds__(kBlock)
    max_pool_kernel(const PoolShape p, const float* __restrict__ x, float* __restrict__ y,
                    std::int64_t* __restrict__ indices, std::int64_t* __restrict__ saved) {
  const std::int64_t i = thread_number();
  if (i >= p.planes * p.out_plane()) {
    return;
  }
  const std::int64_t plane = i / p.out_plane();
  const float* from = x + plane * p.in_plane();
  std::int64_t best = -1;
  for_each_element(p, window_at(p, i % p.out_plane()), [&](std::int64_t at) {
    const float value = from[at];
    if (best < 0 || value > from[best] || (value != value && from[best] == from[best])) {
      best = at;
    }
  });
  if (y != nullptr) {
    y[i] = best < 0 ? -std::numeric_limits<float>::infinity() : from[best];
  }
  if (indices != nullptr) {
    indices[i] = onnx_index(p, plane, best < 0 ? 0 : best);
  }
  if (saved != nullptr) {
    saved[i] = best;
  }
}

__global__ void __launch_bounds__(kBlock)
    max_pool_grad_kernel(const PoolShape p, const float* __restrict__ dy,
                         const std::int64_t* __restrict__ saved, float* __restrict__ dx) {
  const std::int64_t i = thread_number();
  if (i >= p.planes * p.in_plane()) {
    return;
  }
  const std::int64_t first = i / p.in_plane() * p.out_plane(), place = i % p.in_plane();
  double sum = 0;
  for_each_window(p, place, [&](std::int64_t o) {
    if (saved[first + o] == place) {
      sum += static_cast<double>(dy[first + o]);
    }
  });
  dx[i] = static_cast<float>(sum);
}

__global__ void __launch_bounds__(kBlock)
    average_pool_kernel(const PoolShape p, const float* __restrict__ x, float* __restrict__ y) {
  const std::int64_t i = thread_number();
  if (i >= p.planes * p.out_plane()) {
    return;
  }
  const float* from = x + i / p.out_plane() * p.in_plane();
  const WindowAt at = window_at(p, i % p.out_plane());
  double sum = 0;
  for_each_element(p, at, [&](std::int64_t e) { sum += static_cast<double>(from[e]); });
  y[i] = static_cast<float>(sum / static_cast<double>(divisor(p, at)));
}

__global__ void __launch_bounds__(kBlock)
    average_pool_grad_kernel(const PoolShape p, const float* __restrict__ dy,
                             float* __restrict__ dx) {
  const std::int64_t i = thread_number();
  if (i >= p.planes * p.in_plane()) {
    return;
  }
  const std::int64_t first = i / p.in_plane() * p.out_plane();
  double sum = 0;
  for_each_window(p, i % p.in_plane(), [&](std::int64_t o) {
    sum += static_cast<double>(dy[first + o]) / static_cast<double>(divisor(p, window_at(p, o)));
  });
  dx[i] = static_cast<float>(sum);
}

}  // namespace

void max_pool(const PoolShape& shape, const float* x, float* y, std::int64_t* indices,
              std::int64_t* saved, StreamHandle stream) {
  launch_elements(max_pool_kernel, shape.planes * shape.out_plane(), stream, shape, x, y, indices,
                  saved);
}

void max_pool_grad(const PoolShape& shape, const float* dy, const std::int64_t* saved, float* dx,
                   StreamHandle stream) {
  launch_elements(max_pool_grad_kernel, shape.planes * shape.in_plane(), stream, shape, dy, saved,
                  dx);
}

void average_pool(const PoolShape& shape, const float* x, float* y, StreamHandle stream) {
  launch_elements(average_pool_kernel, shape.planes * shape.out_plane(), stream, shape, x, y);
}

void average_pool_grad(const PoolShape& shape, const float* dy, float* dx, StreamHandle stream) {
  launch_elements(average_pool_grad_kernel, shape.planes * shape.in_plane(), stream, shape, dy, dx);
}

}  // namespace temper::cuda
