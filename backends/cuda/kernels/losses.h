// Cross entropy over axis 1 of logits [batch, classes, plane].
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/device/index_fault.h"

namespace temper::cuda {

enum class LossReduction { kMean, kSum, kNone };

struct LossShape {
  std::int64_t batch, classes, plane;
  std::int64_t ignore_index;
  float smoothing;
  LossReduction reduction;
  bool narrow_labels;  // i32, not i64

  constexpr std::int64_t rows() const { return batch * plane; }
  // Class 0 of a row; classes are `plane` apart.
  constexpr std::int64_t offset(std::int64_t row) const {
    return row / plane * classes * plane + row % plane;
  }
};

struct LossTensors {
  const void* labels;
  const float* weights;  // of the classes; null: all 1
  DeviceFault* fault;
};

// loss and log_prob may be null. `sums`: 2 doubles per row.
void cross_entropy(const LossShape& shape, const LossTensors& tensors, const float* logits,
                   float* loss, float* log_prob, double* sums, StreamHandle stream);
// `totals`: 2 doubles.
void cross_entropy_grad(const LossShape& shape, const LossTensors& tensors, const float* dloss,
                        const float* log_prob, float* dlogits, double* totals, StreamHandle stream);

}  // namespace temper::cuda
