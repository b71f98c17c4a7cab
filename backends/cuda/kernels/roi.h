// RoiAlign and MaxRoiPool, what another tensor gives at the elements chosen, and their gradients.
#pragma once

#include "backends/common/roi_taps.h"
#include "backends/cuda/device.h"
#include "backends/cuda/device/fixed_sums.h"
#include "backends/cuda/device/index_fault.h"

namespace temper::cuda {

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
