// Loss scaling, for gradients in fp16: the gradient pass starts from the scale instead of 1, so
// that small gradients do not vanish; parameter gradients (f32) are divided by it again before
// anything looks at them; steps that overflow are skipped and lower it. torch.amp.GradScaler with
// its state in two variables of the graph.
#pragma once

#include <algorithm>
#include <vector>

#include "graph/ir/builder.h"
#include "training/settings/scaler_settings.h"

namespace temper::training {

// Above it a loss scale still falls where gradients overflow; below 1 PyTorch's documentation calls
// the model broken, not the scale.
inline double least_overflowing_scale(const ScalerSettings& settings) {
  return std::max(settings.min_scale, 1.0);
}

class LossScaling {
 public:
  // `active` false: everything below changes nothing.
  LossScaling(graph::Graph& graph, const ScalerSettings& settings, bool active);

  // The gradient of the loss that the reverse pass starts from, times the scale.
  graph::ValueId scale_seed(graph::Builder& builder, graph::ValueId dy) const;
  // What every gradient is multiplied with, (float)(1 / (double)scale), as GradScaler.unscale_();
  // invalid when the gradients are what they should be.
  graph::ValueId inverse(graph::Builder& builder) const;
  // Scale and tracker after a step whose gradients were all finite, or not. Attempt bindings, and
  // the output of the new scale, which is returned; nothing where the scale stays as it is.
  graph::ValueId update(graph::Builder& builder, graph::ValueId finite) const;

 private:
  const ScalerSettings& settings_;
  bool active_;
  graph::VariableId scale_, tracker_;
};

}  // namespace temper::training
