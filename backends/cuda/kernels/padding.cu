// A thread per element; the gradient gathers what each element was copied to.
#include "backends/cuda/device/element_bytes.cuh"
#include "backends/cuda/kernels/padding.h"
#include "backends/cuda/launch.cuh"

namespace temper::cuda {
namespace {

template <class W>
__global__ void __launch_bounds__(kBlock)
    copy_kernel(const TabledAxes axes, const std::int64_t* __restrict__ tables, W fill,
                const W* __restrict__ x, W* __restrict__ y) {
  const std::int64_t i = thread_number();
  if (i >= axes.count) {
    return;
  }
  std::int64_t rest = i, from = 0;
  bool inside = true;
  for (int axis = axes.rank - 1; axis >= 0; --axis) {
    const std::int64_t offset = tables[axes.tables[axis] + rest % axes.sizes[axis]];
    rest /= axes.sizes[axis];
    inside = inside && offset >= 0;
    from += offset;
  }
  y[i] = inside ? x[from] : fill;
}

// Blocks of a multiprocessor are named, or nvcc saves registers and spills.
template <class T>
__global__ void __launch_bounds__(kBlock, 4)
    sum_kernel(const TabledAxes axes, const std::int64_t* __restrict__ tables,
               const T* __restrict__ dy, T* __restrict__ dx) {
  const std::int64_t i = thread_number();
  if (i >= axes.count) {
    return;
  }
  std::int64_t begins[kMaxAxes], lengths[kMaxAxes];
  std::int64_t rest = i, terms = 1;
  for (int axis = axes.rank - 1; axis >= 0; --axis) {
    const std::int64_t at = axes.tables[axis] + rest % axes.sizes[axis];
    rest /= axes.sizes[axis];
    begins[axis] = tables[at];
    lengths[axis] = tables[at + 1] - tables[at];
    terms *= lengths[axis];
  }
  double sum = 0;
  for (std::int64_t term = 0; term < terms; ++term) {
    std::int64_t left = term, from = 0;
    for (int axis = axes.rank - 1; axis >= 0; --axis) {
      from += tables[begins[axis] + left % lengths[axis]];
      left /= lengths[axis];
    }
    sum += static_cast<double>(dy[from]);
  }
  dx[i] = static_cast<T>(sum);
}

}  // namespace

void copy_tabled(const TabledAxes& axes, const std::int64_t* tables, std::size_t element_bytes,
                 std::uint64_t fill, const void* x, void* y, StreamHandle stream) {
  visit_bytes(element_bytes, [&]<class W>(W) {
    launch_elements(copy_kernel<W>, axes.count, stream, axes, tables, static_cast<W>(fill),
                    static_cast<const W*>(x), static_cast<W*>(y));
  });
}

void sum_tabled(const TabledAxes& axes, const std::int64_t* tables, bool wide, const void* dy,
                void* dx, StreamHandle stream) {
  const auto run = [&]<class T>(T) {
    launch_elements(sum_kernel<T>, axes.count, stream, axes, tables, static_cast<const T*>(dy),
                    static_cast<T*>(dx));
  };
  if (wide) {
    run(double{});
  } else {
    run(float{});
  }
}

}  // namespace temper::cuda
