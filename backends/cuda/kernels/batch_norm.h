// BatchNormalization of plain tensors [batch, channels, plane].
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"
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

void batch_norm(const BatchNormShape& shape, const float* x, const float* scale, const float* bias,
                const float* mean, const float* var, float* y, StreamHandle stream);

// What is not wanted is null.
struct BatchNormTrain {
  const float *x, *scale, *bias, *mean, *var;
  float *y, *new_mean, *new_var, *batch_mean, *batch_var;
  bool* mask;
};
void batch_norm_train(const BatchNormShape& shape, const BatchNormTrain& tensors,
                      StreamHandle stream);

struct BatchNormGrad {
  const float *dy, *x, *scale, *bias, *batch_mean, *batch_var;
  const bool* mask;
  float *dx, *dscale, *dbias;
};
void batch_norm_train_grad(const BatchNormShape& shape, const BatchNormGrad& tensors,
                           StreamHandle stream);

}  // namespace temper::cuda
