// Forward: a thread per element of y. Backward: a thread per place, which adds to dx in fixed
// point. As backends/reference/kernels/grid_sample.cpp.
#include "backends/cuda/device/fixed_sums.cuh"
#include "backends/cuda/kernels/fixed_sums.h"
#include "backends/cuda/kernels/grid_sample.h"

namespace temper::cuda {
namespace {

__global__ void __launch_bounds__(kBlock, 2)
    sample_kernel(const GridSampling s, const float* __restrict__ x, const float* __restrict__ grid,
                  float* __restrict__ y) {
  const std::int64_t i = thread_number();
  if (i >= s.batch * s.channels * s.places) {
    return;
  }
  const std::int64_t plane = i / s.places, p = i % s.places, n = plane / s.channels;
  double sum = 0;
  for_each_tap(s, grid + (n * s.places + p) * s.dims,
               [&](std::int64_t offset, double weight, const double*) {
                 sum += weight * static_cast<double>(x[plane * s.elements + offset]);
               });
  y[i] = static_cast<float>(sum);
}

__global__ void __launch_bounds__(kBlock, 2)
    dx_kernel(const GridSampling s, const float* __restrict__ grid, const float* __restrict__ dy,
              const FixedSums sums) {
  const std::int64_t i = thread_number();
  if (i >= s.batch * s.channels * s.places) {
    return;
  }
  const std::int64_t plane = i / s.places, p = i % s.places, n = plane / s.channels;
  const auto d = static_cast<double>(dy[i]);
  for_each_tap(s, grid + (n * s.places + p) * s.dims,
               [&](std::int64_t offset, double weight, const double*) {
                 add_to(sums, plane * s.elements + offset, weight * d);
               });
}

__global__ void __launch_bounds__(kBlock)
    dgrid_kernel(const GridSampling s, const float* __restrict__ x, const float* __restrict__ grid,
                 const float* __restrict__ dy, float* __restrict__ dgrid) {
  const std::int64_t i = thread_number();
  if (i >= s.batch * s.places) {
    return;
  }
  const std::int64_t n = i / s.places, p = i % s.places;
  double moved[kMostGridDims] = {};
  for_each_tap(s, grid + i * s.dims, [&](std::int64_t offset, double, const double* slopes) {
    double product = 0;
    for (std::int64_t c = n * s.channels; c < (n + 1) * s.channels; ++c) {
      product += static_cast<double>(dy[c * s.places + p]) *
                 static_cast<double>(x[c * s.elements + offset]);
    }
    for (int k = 0; k < s.dims; ++k) {
      moved[k] += product * slopes[k];
    }
  });
  for (int k = 0; k < s.dims; ++k) {
    dgrid[i * s.dims + k] = static_cast<float>(moved[k]);
  }
}

__global__ void __launch_bounds__(kBlock)
    affine_kernel(const AffineShape s, const float* theta, float* y) {
  const std::int64_t i = thread_number();
  if (i >= s.batch * s.places()) {
    return;
  }
  double from[kMostGridDims + 1] = {};  // the last axis first, then 1
  std::int64_t rest = i % s.places();
  for (int axis = s.dims - 1; axis >= 0; --axis) {
    from[s.dims - 1 - axis] = regular_number(rest % s.size[axis], s.size[axis], s.corners);
    rest /= s.size[axis];
  }
  from[s.dims] = 1;
  const float* rows = theta + i / s.places() * s.dims * (s.dims + 1);
  for (int r = 0; r < s.dims; ++r) {
    double sum = 0;
    for (int k = 0; k <= s.dims; ++k) {
      sum += static_cast<double>(rows[r * (s.dims + 1) + k]) * from[k];
    }
    y[i * s.dims + r] = static_cast<float>(sum);
  }
}

}  // namespace

void grid_sample(const GridSampling& shape, const float* x, const float* grid, float* y,
                 StreamHandle stream) {
  launch_elements(sample_kernel, shape.batch * shape.channels * shape.places, stream, shape, x,
                  grid, y);
}

void grid_sample_grad(const GridSampling& shape, const float* x, const float* grid, const float* dy,
                      float* dx, float* dgrid, const FixedSums& sums, StreamHandle stream) {
  const std::int64_t outputs = shape.batch * shape.channels * shape.places;
  const std::int64_t inputs = shape.batch * shape.channels * shape.elements;
  if (dx != nullptr) {
    begin_sums(sums, inputs, dy, outputs, stream);
    launch_elements(dx_kernel, outputs, stream, shape, grid, dy, sums);
    finish_sums(sums, inputs, dx, stream);
  }
  if (dgrid != nullptr) {
    launch_elements(dgrid_kernel, shape.batch * shape.places, stream, shape, x, grid, dy, dgrid);
  }
}

void affine_grid(const AffineShape& shape, const float* theta, float* y, StreamHandle stream) {
  launch_elements(affine_kernel, shape.batch * shape.places(), stream, shape, theta, y);
}

}  // namespace temper::cuda
