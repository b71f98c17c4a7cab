// What is stored of a channel once its sums are known, by the kernels of either layout.
#pragma once

#include "backends/cuda/kernels/batch_norm.h"
#include "backends/cuda/launch.cuh"

namespace temper::cuda {

// new = old momentum + batch (1 - momentum)
__device__ inline void blend(float* to, const float* old, std::int64_t c, double value,
                             double momentum) {
  if (to != nullptr) {
    to[c] = static_cast<float>(static_cast<double>(old[c]) * momentum + value * (1.0 - momentum));
  }
}

// `squares`: the sum of the squared distances to the mean.
__device__ inline void store_statistics(const BatchNormShape& p, const BatchNormTrain& t,
                                        std::int64_t c, double mean, double squares) {
  const auto n = static_cast<double>(p.values());
  const double var = squares / n;
  blend(t.new_mean, t.mean, c, mean, p.momentum);
  blend(t.new_var, t.var, c, p.unbiased ? squares / (n - 1.0) : var, p.momentum);
  if (t.batch_mean != nullptr) {
    t.batch_mean[c] = static_cast<float>(mean);
  }
  if (t.batch_var != nullptr) {
    t.batch_var[c] = static_cast<float>(var);
  }
}

__device__ inline void store_parameter_gradients(const BatchNormGrad& t, std::int64_t c,
                                                 double dscale, double dbias) {
  if (t.dscale != nullptr) {
    t.dscale[c] = static_cast<float>(dscale);
  }
  if (t.dbias != nullptr) {
    t.dbias[c] = static_cast<float>(dbias);
  }
}

}  // namespace temper::cuda
