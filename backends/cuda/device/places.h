// From the number of an element to its places in tensors that are walked through steps per axis:
// broadcasting, transposing, slicing, reducing. For the host, which fills it (walks.h), and for
// kernels, which take it by value.
#pragma once

#include <cstdint>

namespace temper::cuda {

inline constexpr int kMaxAxes = 8;

// N tensors walked together over the same sizes.
template <int N>
struct Places {
  int rank = 0;
  std::int64_t count = 1;  // elements of the walk
  std::int64_t sizes[kMaxAxes] = {};
  std::int64_t steps[N][kMaxAxes] = {};  // in elements; 0 where a tensor is repeated
  std::int64_t first[N] = {};

  // Calls f(index along the axis, axis) for each axis of element `i` of the walk, which is in
  // row-major order.
  template <class F>
  constexpr void for_each_axis(std::int64_t i, const F& f) const {
    for (int axis = rank - 1; axis >= 0; --axis) {
      const std::int64_t rest = i / sizes[axis];
      f(i - rest * sizes[axis], axis);
      i = rest;
    }
  }

  // The place of element `i` in tensor n.
  constexpr std::int64_t find(std::int64_t i, int n) const {
    std::int64_t at = first[n];
    for (int axis = rank - 1; axis >= 0; --axis) {
      const std::int64_t rest = i / sizes[axis];
      at += (i - rest * sizes[axis]) * steps[n][axis];
      i = rest;
    }
    return at;
  }
};

}  // namespace temper::cuda
