// Windows that slide over up to three spatial axes: which elements a window holds, and which
// windows hold an element. S has kernel, stride, dilation, pad_begin, in and out, three numbers
// each.
#pragma once

#include <cstdint>

#include "backends/cuda/launch.cuh"

namespace temper::cuda {

struct Range {
  std::int64_t begin, end;
};

// Taps of a window that lie inside `size`, the first being at `start`.
__device__ __forceinline__ Range taps_in(std::int64_t start, std::int64_t dilation,
                                         std::int64_t kernel, std::int64_t size) {
  const std::int64_t begin = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
  const std::int64_t end = start >= size ? 0 : (size - start + dilation - 1) / dilation;
  const std::int64_t last = end < kernel ? end : kernel;
  return {begin, last < begin ? begin : last};
}

struct WindowAt {
  std::int64_t start[3];
  Range taps[3];
};

template <class S>
__device__ __forceinline__ WindowAt window_at(const S& p, std::int64_t position) {
  WindowAt at;
  for (int i = 2; i >= 0; --i) {
    at.start[i] = position % p.out[i] * p.stride[i] - p.pad_begin[i];
    position /= p.out[i];
    at.taps[i] = taps_in(at.start[i], p.dilation[i], p.kernel[i], p.in[i]);
  }
  return at;
}

// f(place in the plane, number of the tap) for the window's elements inside the input, in row-major
// order.
template <class S, class F>
__device__ __forceinline__ void for_each_element(const S& p, const WindowAt& at, const F& f) {
  for (std::int64_t a = at.taps[0].begin; a < at.taps[0].end; ++a) {
    const std::int64_t depth = (at.start[0] + a * p.dilation[0]) * p.in[1];
    for (std::int64_t b = at.taps[1].begin; b < at.taps[1].end; ++b) {
      const std::int64_t row = (depth + at.start[1] + b * p.dilation[1]) * p.in[2];
      for (std::int64_t c = at.taps[2].begin; c < at.taps[2].end; ++c) {
        f(row + at.start[2] + c * p.dilation[2], (a * p.kernel[1] + b) * p.kernel[2] + c);
      }
    }
  }
}

// The outputs along axis i whose windows may hold the input position.
template <class S>
__device__ __forceinline__ Range windows_over(const S& p, int i, std::int64_t position) {
  const std::int64_t reach = position + p.pad_begin[i];
  const std::int64_t extent = (p.kernel[i] - 1) * p.dilation[i];
  const std::int64_t first = reach <= extent ? 0 : (reach - extent + p.stride[i] - 1) / p.stride[i];
  const std::int64_t end = reach / p.stride[i] + 1;
  return {first, end < p.out[i] ? end : p.out[i]};
}

// f(output's place in its plane, number of the tap) for the windows that hold the input's place.
template <class S, class F>
__device__ __forceinline__ void for_each_window(const S& p, std::int64_t offset, const F& f) {
  std::int64_t at[3];
  Range windows[3];
  for (int i = 2; i >= 0; --i) {
    at[i] = offset % p.in[i] + p.pad_begin[i];
    windows[i] = windows_over(p, i, offset % p.in[i]);
    offset /= p.in[i];
  }
  const auto from_start = [&](int i, std::int64_t o) { return at[i] - o * p.stride[i]; };
  for (std::int64_t a = windows[0].begin; a < windows[0].end; ++a) {
    for (std::int64_t b = windows[1].begin; b < windows[1].end; ++b) {
      for (std::int64_t c = windows[2].begin; c < windows[2].end; ++c) {
        const std::int64_t ta = from_start(0, a), tb = from_start(1, b), tc = from_start(2, c);
        if (ta % p.dilation[0] == 0 && tb % p.dilation[1] == 0 && tc % p.dilation[2] == 0) {
          f((a * p.out[1] + b) * p.out[2] + c,
            (ta / p.dilation[0] * p.kernel[1] + tb / p.dilation[1]) * p.kernel[2] +
                tc / p.dilation[2]);
        }
      }
    }
  }
}

}  // namespace temper::cuda
