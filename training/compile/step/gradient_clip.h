// Gradient clipping and unscaling, between the gradients of a step and the optimizer.
#pragma once

#include "graph/ir/builder.h"
#include "training/optimizers/optimizer.h"
#include "training/settings/clip_settings.h"

namespace temper::training {

// Before all else: what looks at single gradients gets them unscaled, each multiplied with
// `unscale` (invalid: 1) by a pass of its own, with `watched` too. Otherwise they stay as they are,
// and the factor goes to `update.unscale`: the norm and the optimizer's pass apply it, and the
// gradients are read no oftener. The bits are the same while the factor is a power of two. Needs
// groups.
void unscale_gradients(graph::Builder& builder, const ClipSettings& settings, bool watched,
                       graph::ValueId unscale, UpdateInputs& update);

struct ClippedGradients {
  graph::ValueId norm;     // of all gradients, before anything is clipped
  graph::ValueId clipped;  // the same after value, agc and tensor_norm
};

// Replaces `update.gradients` by ones clipped by value, unit and tensor. Needs its parameters and
// unit_axes. THROWS: kInvalidArgument when a pattern matches nothing.
ClippedGradients clip_gradients(graph::Builder& builder, const ClipSettings& settings,
                                UpdateInputs& update);
// What the optimizer's pass multiplies gradients with: the factor of clipping by the global norm
// times `update.unscale`, each 1 where it is not there.
graph::ValueId clip_factor(graph::Builder& builder, const ClipSettings& settings,
                           const ClippedGradients& gradients, const UpdateInputs& update);

// Takes the mean of each unit from the gradients of weights whose group says `centralize` (Yong et
// al. 2020, Gradient Centralization). Clipping by the global norm, a factor, may come after it.
void centralize_gradients(graph::Builder& builder, UpdateInputs& update);

}  // namespace temper::training
