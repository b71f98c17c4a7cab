// RoiAlign and MaxRoiPool, what another tensor gives at the elements chosen, and their gradients.
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/device/fixed_sums.h"
#include "backends/cuda/device/index_fault.h"

namespace temper::cuda {

struct RoiShape {
  bool aligned;  // RoiAlign
  bool greatest;
  bool at_least_one;  // a region has the size of an element
  bool narrow;        // indices are i32
  double scale, offset;
  std::int64_t samples;  // per axis of a cell; 0: one for each element it covers
  std::int64_t images, channels, height, width;
  std::int64_t count, cell_rows, cell_columns;

  constexpr std::int64_t cells() const { return cell_rows * cell_columns; }
  constexpr std::int64_t outputs() const { return count * channels * cells(); }
  constexpr std::int64_t inputs() const { return images * channels * height * width; }
};

struct RoiTensors {
  const float* x;  // what is chosen by
  const float* rois;
  const void* indices;  // of MaxRoiPool: null, they stand in rois
  DeviceFault* fault;
};

// y from `given`, which has x's shape.
void roi_pool(const RoiShape& shape, const RoiTensors& tensors, const float* given, float* y,
              StreamHandle stream);
void roi_pool_grad(const RoiShape& shape, const RoiTensors& tensors, const float* dy, float* dx,
                   const FixedSums& sums, StreamHandle stream);

}  // namespace temper::cuda
