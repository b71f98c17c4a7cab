// RowNorm (graph/ops/row_norm.cpp) and its gradient.
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"

namespace temper::cuda {

struct NormRows {
  std::int64_t count = 1, size = 1;
  double epsilon = 0;
  bool centred = true;
};

// scale, bias, mean and inverse may be null; y may lie where x does.
void row_norm(const NormRows& rows, const float* x, const float* scale, const float* bias, float* y,
              float* mean, float* inverse, StreamHandle stream);

// Null where there is no such tensor.
struct RowNormGradients {
  const float *x, *scale, *dy, *dmean, *dinverse;
  float *dx, *dscale, *dbias;
};

std::size_t row_norm_grad_workspace(const NormRows& rows);
void row_norm_grad(const NormRows& rows, const RowNormGradients& tensors, void* workspace,
                   StreamHandle stream);

}  // namespace temper::cuda
