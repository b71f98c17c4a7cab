// Gradient clipping, between the gradients of a step (unscaled) and the optimizer.
#pragma once

#include "graph/ir/builder.h"
#include "training/optimizers/optimizer.h"
#include "training/settings/clip_settings.h"

namespace temper::training {

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
