// Gradient clipping, between the gradients of a step (unscaled) and the optimizer.
#pragma once

#include <string>
#include <vector>

#include "graph/ir/builder.h"
#include "training/optimizers/optimizer.h"

namespace temper::training {

// By value first, then by unit, then by one norm; 0 is none.
struct ClipSettings {
  double norm = 0;         // of all gradients together: torch.nn.utils.clip_grad_norm_
  double tensor_norm = 0;  // of each tensor's gradient by itself
  double norm_type = 2;    // of every norm: 1, 2, inf or any other p > 0
  double value = 0;        // every element to [-value, value]: clip_grad_value_
  // Adaptive clipping: each unit's gradient to agc max(norm of the unit's weights, agc_eps).
  double agc = 0;
  double agc_eps = 1e-3;
  std::vector<std::string> agc_exclude;  // patterns of tensors it leaves alone
};

struct ClippedGradients {
  graph::ValueId norm;     // of all gradients, before anything is clipped
  graph::ValueId clipped;  // the same after value, agc and tensor_norm
};

// Replaces `update.gradients` by ones clipped by value, unit and tensor. Needs its parameters and
// unit_axes. THROWS: kInvalidArgument when a pattern matches nothing.
ClippedGradients clip_gradients(graph::Builder& builder, const ClipSettings& settings,
                                UpdateInputs& update);
// The factor of clipping by the global norm, which the optimizer's pass applies; 1 without it.
graph::ValueId clip_factor(graph::Builder& builder, const ClipSettings& settings,
                           const ClippedGradients& gradients);

// Takes the mean of each unit from the gradients of weights whose group says `centralize` (Yong et
// al. 2020, Gradient Centralization). Clipping by the global norm, a factor, may come after it.
void centralize_gradients(graph::Builder& builder, UpdateInputs& update);

}  // namespace temper::training
