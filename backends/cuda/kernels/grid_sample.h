// GridSample, its gradient and AffineGrid.
#pragma once

#include <cstdint>

#include "backends/common/grid_sampling.h"
#include "backends/cuda/device.h"
#include "backends/cuda/device/fixed_sums.h"

namespace temper::cuda {

void grid_sample(const GridSampling& shape, const float* x, const float* grid, float* y,
                 StreamHandle stream);
// dx and dgrid may be null. `sums`: of x's elements.
void grid_sample_grad(const GridSampling& shape, const float* x, const float* grid, const float* dy,
                      float* dx, float* dgrid, const FixedSums& sums, StreamHandle stream);

struct AffineShape {
  int dims;
  bool corners;
  std::int64_t size[kMostGridDims];
  std::int64_t batch;

  constexpr std::int64_t places() const {
    return size[0] * (dims > 1 ? size[1] : 1) * (dims > 2 ? size[2] : 1);
  }
};
void affine_grid(const AffineShape& shape, const float* theta, float* y, StreamHandle stream);

}  // namespace temper::cuda
