#include "training/compile/gradient_clip.h"

#include "runtime/base/error.h"

namespace temper::training {

using graph::ValueId;

// value:        g <- min(max(g, -value), value)
// norm:         g <- g min(1, max_norm / (norm + 1e-6)), norm over all tensors
// tensor_norm:  the same, norm over the one tensor
ClippedGradients clip_gradients(graph::Builder& builder, const ClipSettings& settings,
                                std::vector<ValueId>& gradients) {
  TEMPER_CHECK(settings.norm == 0 || settings.tensor_norm == 0, ErrorCode::kInvalidArgument,
               "clip.norm and clip.tensor_norm are both set: choose the norm of all gradients "
               "together or that of each tensor");
  ClippedGradients made;
  builder.set_origin("gradient norm");
  made.norm = builder.op("GlobalNorm", gradients);
  made.clipped = made.norm;
  if (settings.value > 0 || settings.tensor_norm > 0) {
    builder.set_origin("gradient clipping");
    for (ValueId& gradient : gradients) {
      if (settings.value > 0) {
        gradient =
            builder.op("Clip", {gradient}, {{"min", -settings.value}, {"max", settings.value}});
      }
      if (settings.tensor_norm > 0) {
        const ValueId norm = builder.op("GlobalNorm", {gradient});
        gradient = builder.mul(
            gradient, builder.op("ClipFactor", {norm}, {{"max_norm", settings.tensor_norm}}));
      }
    }
    made.clipped = builder.op("GlobalNorm", gradients);
  }
  builder.set_origin("step");
  return made;
}

ValueId clip_factor(graph::Builder& builder, const ClipSettings& settings,
                    const ClippedGradients& gradients) {
  return settings.norm > 0
             ? builder.op("ClipFactor", {gradients.clipped}, {{"max_norm", settings.norm}})
             : builder.scalar(builder.dtype(gradients.norm), 1);
}

}  // namespace temper::training
