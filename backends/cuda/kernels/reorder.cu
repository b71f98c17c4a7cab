// A thread per element.
#include "backends/cuda/device/element_bytes.cuh"
#include "backends/cuda/kernels/reorder.h"
#include "backends/cuda/launch.cuh"

namespace temper::cuda {
namespace {

__device__ std::int64_t offset_of(const BlockedSteps& layout, int rank, std::int64_t i,
                                  const std::int64_t* dims) {
  std::int64_t index[kMaxAxes];
  for (int axis = rank - 1; axis >= 0; --axis) {
    index[axis] = i % dims[axis];
    i /= dims[axis];
  }
  std::int64_t offset = 0, step = 1;
  for (int block = layout.blocks - 1; block >= 0; --block) {
    std::int64_t& at = index[layout.axes[block]];
    offset += at % layout.sizes[block] * step;
    at /= layout.sizes[block];
    step *= layout.sizes[block];
  }
  for (int axis = 0; axis < rank; ++axis) {
    offset += index[axis] * layout.steps[axis];
  }
  return offset;
}

template <class W>
__global__ void __launch_bounds__(kBlock)
    reorder_kernel(const ReorderShape s, const W* __restrict__ x, W* __restrict__ y) {
  const std::int64_t i = thread_number();
  if (i < s.count) {
    y[offset_of(s.to, s.rank, i, s.dims)] = x[offset_of(s.from, s.rank, i, s.dims)];
  }
}

}  // namespace

void reorder(const ReorderShape& shape, std::size_t element_bytes, const void* x, void* y,
             StreamHandle stream) {
  visit_bytes(element_bytes, [&]<class W>(W) {
    launch_elements(reorder_kernel<W>, shape.count, stream, shape, static_cast<const W*>(x),
                    static_cast<W*>(y));
  });
}

}  // namespace temper::cuda
