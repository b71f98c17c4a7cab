// A thread per cell of a region and channel: a list of elements with weights, of which it takes the
// sum or the greatest.
#include "backends/cuda/device/fixed_sums.cuh"
#include "backends/cuda/device/index_fault.cuh"
#include "backends/cuda/kernels/fixed_sums.h"
#include "backends/cuda/kernels/roi.h"

namespace temper::cuda {
namespace {

// visit(offset of the element in x, weight) for the elements that count in output i.
template <class F>
__device__ void for_each_part_of(const RoiShape& r, const RoiTensors& t, std::int64_t i,
                                 const F& visit) {
  const std::int64_t cell = i % r.cells(), c = i / r.cells() % r.channels;
  const std::int64_t region = i / r.cells() / r.channels;
  const std::int64_t image = image_of(r, t.rois, t.indices, region);
  if (image < 0 || image >= r.images) {
    note_index(t.fault, image, 0, r.images);
    return;
  }
  for_each_part(r, t.rois + region * r.numbers(), cell, t.x,
                (image * r.channels + c) * r.height * r.width, visit);
}

__global__ void __launch_bounds__(kBlock, 2)
    pool_kernel(const RoiShape r, const RoiTensors t, const float* __restrict__ given,
                float* __restrict__ y) {
  const std::int64_t i = thread_number();
  if (i < r.outputs()) {
    double sum = 0;
    for_each_part_of(r, t, i, [&](std::int64_t at, double weight) {
      sum += weight * static_cast<double>(given[at]);
    });
    y[i] = static_cast<float>(sum);
  }
}

__global__ void __launch_bounds__(kBlock, 2)
    grad_kernel(const RoiShape r, const RoiTensors t, const float* __restrict__ dy,
                const FixedSums sums) {
  const std::int64_t i = thread_number();
  if (i < r.outputs()) {
    const auto d = static_cast<double>(dy[i]);
    for_each_part_of(r, t, i,
                     [&](std::int64_t at, double weight) { add_to(sums, at, weight * d); });
  }
}

}  // namespace

void roi_pool(const RoiShape& shape, const RoiTensors& tensors, const float* given, float* y,
              StreamHandle stream) {
  launch_elements(pool_kernel, shape.outputs(), stream, shape, tensors, given, y);
}

void roi_pool_grad(const RoiShape& shape, const RoiTensors& tensors, const float* dy, float* dx,
                   const FixedSums& sums, StreamHandle stream) {
  begin_sums(sums, shape.inputs(), dy, shape.outputs(), stream);
  launch_elements(grad_kernel, shape.outputs(), stream, shape, tensors, dy, sums);
  finish_sums(sums, shape.inputs(), dx, stream);
}

}  // namespace temper::cuda
