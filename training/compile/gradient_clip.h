// Gradient clipping, between the gradients of a step (unscaled) and the optimizer.
#pragma once

#include <vector>

#include "graph/ir/builder.h"

namespace temper::training {

// By value first, then by one norm; 0 is none.
struct ClipSettings {
  double norm = 0;         // of all gradients together: torch.nn.utils.clip_grad_norm_
  double tensor_norm = 0;  // of each tensor's gradient by itself
  double value = 0;        // every element to [-value, value]: clip_grad_value_
};

struct ClippedGradients {
  graph::ValueId norm;     // of all gradients, before anything is clipped
  graph::ValueId clipped;  // the same after value and tensor_norm
};

// Replaces `gradients` by ones clipped by value and by tensor.
ClippedGradients clip_gradients(graph::Builder& builder, const ClipSettings& settings,
                                std::vector<graph::ValueId>& gradients);
// The factor of clipping by the global norm, which the optimizer's pass applies; 1 without it.
graph::ValueId clip_factor(graph::Builder& builder, const ClipSettings& settings,
                           const ClippedGradients& gradients);

}  // namespace temper::training
