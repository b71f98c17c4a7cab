// What looks at all gradients at once, in chunks, and the scalars that follow from it.
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"

namespace temper::cuda {

// A block's part of a tensor.
struct TensorChunk {
  const float* values = nullptr;
  std::int64_t count = 0;
};

// y = the p-norm of all chunks (backends/common/p_norms.h), times `factor` where it is not null.
// `parts`: a double per chunk.
void global_norm(const TensorChunk* chunks, std::int64_t count, double p, const float* factor,
                 double* parts, float* y, StreamHandle stream);

// y = whether all are finite. `parts`: a flag per chunk.
void all_finite(const TensorChunk* chunks, std::int64_t count, std::int32_t* parts, bool* y,
                StreamHandle stream);

// y = min(1, max_norm / (norm + 1e-6)), times `factor` where it is not null; NaN stays NaN.
void clip_factor(const float* norm, double max_norm, const float* factor, float* y,
                 StreamHandle stream);

struct LossScaleRule {
  double growth, backoff;
  std::int64_t interval;
  float least;
};
void update_loss_scale(const LossScaleRule& rule, const float* scale, const std::int64_t* tracker,
                       const bool* finite, float* next, std::int64_t* clean, StreamHandle stream);

}  // namespace temper::cuda
