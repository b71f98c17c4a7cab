// Tables of places and weights are made for each axis, an element of it a thread; then a thread per
// element of the result adds up, backward too, where it looks for the outputs that take it.
#include <cmath>

#include "backends/cuda/device/any_type.cuh"
#include "backends/cuda/device/element_bytes.cuh"
#include "backends/cuda/kernels/resize.h"

namespace temper::cuda {
namespace {

__global__ void __launch_bounds__(kBlock)
    tables_kernel(const ResizeRule rule, const ResizedAxis axis, const ResizeTables tables) {
  const std::int64_t i = thread_number();
  if (i >= axis.out) {
    return;
  }
  const double place = rule.place(axis, i);
  tables.first[i] = rule.is_outside(axis, place)
                        ? kOutsideRegion
                        : rule.weigh(axis, place, tables.weights + i * axis.taps);
}

__device__ std::int64_t bounded(std::int64_t at, std::int64_t length) {
  return at < 0 ? 0 : at < length ? at : length - 1;
}

// An integer is the nearest.
__device__ void store(const ResizePass& pass, void* to, std::int64_t i, double value) {
  const bool whole = pass.to != DType::kFloat32 && pass.to != DType::kFloat64 &&
                     pass.to != DType::kFloat16 && pass.to != DType::kBFloat16;
  write_number(pass.to, to, i, whole ? std::nearbyint(value) : value);
}

__global__ void __launch_bounds__(kBlock)
    forward_kernel(const ResizePass pass, const ResizeTables tables, const void* x, void* y) {
  const std::int64_t i = thread_number();
  if (i >= pass.outer * pass.axis.out * pass.inner) {
    return;
  }
  const std::int64_t along = i / pass.inner % pass.axis.out;
  const std::int64_t base = i / pass.inner / pass.axis.out * pass.axis.in;
  const std::int64_t first = tables.first[along];
  double sum = pass.outside;
  if (first != kOutsideRegion) {
    sum = 0;
    for (std::int64_t t = 0; t < pass.axis.taps; ++t) {
      const double weight = tables.weights[along * pass.axis.taps + t];
      if (weight != 0) {
        const std::int64_t at = base + bounded(first + t, pass.axis.in);
        sum += weight * read_number(pass.from, x, at * pass.inner + i % pass.inner);
      }
    }
  }
  store(pass, y, i, sum);
}

// The first output whose taps end at `at` or behind it: places grow with the outputs.
__device__ std::int64_t first_output(const ResizedAxis& axis, const std::int64_t* first,
                                     std::int64_t at) {
  std::int64_t low = 0, high = axis.out;
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    if (first[middle] + axis.taps - 1 < at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// dx is the sum over the outputs that take it, in their order.
__global__ void __launch_bounds__(kBlock)
    backward_kernel(const ResizePass pass, const ResizeTables tables, const void* dy, void* dx) {
  const std::int64_t i = thread_number();
  const ResizedAxis& axis = pass.axis;
  if (i >= pass.outer * axis.in * pass.inner) {
    return;
  }
  const std::int64_t at = i / pass.inner % axis.in;
  const std::int64_t base = i / pass.inner / axis.in * axis.out;
  // An end also takes the weights of what lies outside.
  std::int64_t o = pass.ordered && at > 0 ? first_output(axis, tables.first, at) : 0;
  double sum = 0;
  for (; o < axis.out; ++o) {
    const std::int64_t first = tables.first[o];
    if (pass.ordered && at < axis.in - 1 && first > at) {
      break;
    }
    for (std::int64_t t = 0; t < axis.taps && first != kOutsideRegion; ++t) {
      if (bounded(first + t, axis.in) == at) {
        sum += tables.weights[o * axis.taps + t] *
               read_number(pass.from, dy, (base + o) * pass.inner + i % pass.inner);
      }
    }
  }
  store(pass, dx, i, sum);
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    moving_kernel(const ResizeMove move, T fill, const T* x, T* y) {
  const std::int64_t i = thread_number();
  if (i >= move.output.count) {
    return;
  }
  std::int64_t from = 0;
  bool outside = false;
  move.output.for_each_axis(i, [&](std::int64_t index, int axis) {
    const std::int64_t at = move.first[axis] == nullptr ? index : move.first[axis][index];
    outside = outside || at == kOutsideRegion;
    from += outside ? 0 : at * move.output.steps[0][axis];
  });
  y[i] = outside ? fill : x[from];
}

}  // namespace

void fill_tables(const ResizeRule& rule, const ResizedAxis& axis, const ResizeTables& tables,
                 StreamHandle stream) {
  launch_elements(tables_kernel, axis.out, stream, rule, axis, tables);
}

void resize_pass(const ResizePass& pass, const ResizeTables& tables, bool backward,
                 const void* from, void* to, StreamHandle stream) {
  const ResizedAxis& axis = pass.axis;
  if (backward) {
    launch_elements(backward_kernel, pass.outer * axis.in * pass.inner, stream, pass, tables, from,
                    to);
  } else {
    launch_elements(forward_kernel, pass.outer * axis.out * pass.inner, stream, pass, tables, from,
                    to);
  }
}

void resize_moving(const ResizeMove& move, std::size_t element_bytes, std::uint64_t fill,
                   const void* x, void* y, StreamHandle stream) {
  visit_bytes(element_bytes, [&]<class T>(T) {
    launch_elements(moving_kernel<T>, move.output.count, stream, move, static_cast<T>(fill),
                    static_cast<const T*>(x), static_cast<T*>(y));
  });
}

}  // namespace temper::cuda
