// Convolution of single channels by their own kernels (depthwise) and its gradients, channels last:
// sums over pixels, vectorised over channels.
#pragma once

#include <cstddef>

#include "backends/host/conv_plan.h"

namespace temper::cpu {

inline bool is_depthwise(const ConvPlan& plan) {
  return plan.group > 1 && plan.group_in == 1 && plan.group_out == 1;
}

// Of each of the three: the weights with their channels last, or the sums of their gradient.
std::size_t depthwise_workspace_bytes(const ConvPlan& plan);

void depthwise_forward(const ConvPlan& plan, int threads, const float* x, const float* w,
                       const float* bias, float* y, float* workspace);
void depthwise_data_gradient(const ConvPlan& plan, int threads, const float* w, const float* dy,
                             float* dx, float* workspace);
void depthwise_weights_gradient(const ConvPlan& plan, int threads, const float* x, const float* dy,
                                float* dw, void* workspace);

}  // namespace temper::cpu
