// BatchNormalization of plain tensors [batch, channels, plane].
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"
#include "runtime/base/dtype.h"
#include "runtime/base/rectifier.h"

namespace temper::cuda {

struct BatchNormShape {
  std::int64_t batch, channels, plane;
  double epsilon, momentum;
  bool unbiased;
  Rectifier rectifier;

  constexpr std::int64_t values() const { return batch * plane; }  // of a channel
  // Value i of a channel.
  constexpr std::int64_t at(std::int64_t channel, std::int64_t i) const {
    return (i / plane * channels + channel) * plane + i % plane;
  }
};

// `dtype`, f32, f16 or bf16, is that of x and y and their gradients.
void batch_norm(const BatchNormShape& shape, DType dtype, const void* x, const float* scale,
                const float* bias, const float* mean, const float* var, void* y,
                StreamHandle stream);

// What is not wanted is null.
struct BatchNormTrain {
  DType dtype;
  const void* x;
  const float *scale, *bias, *mean, *var;
  void* y;
  float *new_mean, *new_var, *batch_mean, *batch_var;
  bool* mask;
};
void batch_norm_train(const BatchNormShape& shape, const BatchNormTrain& tensors,
                      StreamHandle stream);

struct BatchNormGrad {
  DType dtype;
  const void *dy, *x;
  const float *scale, *bias, *batch_mean, *batch_var;
  const bool* mask;
  void* dx;
  float *dscale, *dbias;
};
void batch_norm_train_grad(const BatchNormShape& shape, const BatchNormGrad& tensors,
                           StreamHandle stream);

}  // namespace temper::cuda
