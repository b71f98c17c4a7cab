#include "training/compile/step/gradient_clip.h"

#include <utility>

#include "runtime/base/error.h"
#include "training/optimizers/update_node.h"
#include "training/settings/name_pattern.h"

namespace temper::training {

using graph::Builder;
using graph::ValueId;

namespace {

ValueId norm_of(Builder& builder, const ClipSettings& settings, std::vector<ValueId> gradients,
                ValueId unscale = {}) {
  Attrs attrs;
  if (settings.norm_type != 2) {
    attrs.set("norm_type", settings.norm_type);
  }
  if (unscale.valid()) {
    attrs.set("scaled", std::int64_t{1});
    gradients.push_back(unscale);
  }
  return builder.op("GlobalNorm", std::move(gradients), std::move(attrs));
}

bool clips_single(const ClipSettings& settings) {
  return settings.value > 0 || settings.agc > 0 || settings.tensor_norm > 0;
}

// Per parameter: whether adaptive clipping leaves it alone.
std::vector<bool> excluded(const graph::Graph& graph, const ClipSettings& settings,
                           const UpdateInputs& update) {
  std::vector<std::string> names;
  for (const graph::VariableId id : update.parameters) {
    names.push_back(graph.variable(id).name.substr(update.prefix.size()));
  }
  return match_names(settings.agc_exclude, names, "clip.agc_exclude");
}

}  // namespace

void unscale_gradients(Builder& builder, const ClipSettings& settings, bool watched,
                       ValueId unscale, UpdateInputs& update) {
  if (!unscale.valid()) {
    return;
  }
  if (!watched && !clips_single(settings) && !any_group(update, "centralize")) {
    update.unscale = unscale;
    return;
  }
  builder.set_origin("loss unscaling");
  for (ValueId& gradient : update.gradients) {
    gradient = builder.mul(gradient, unscale);
  }
}

// value:        g <- min(max(g, -value), value)
// agc:          g <- g min(1, agc max(|w|, eps) / |g|) of each unit, norms over the unit
// norm:         g <- g min(1, max_norm / (norm + 1e-6)), norm over all tensors
// tensor_norm:  the same, norm over the one tensor
ClippedGradients clip_gradients(Builder& builder, const ClipSettings& settings,
                                UpdateInputs& update) {
  TEMPER_CHECK(settings.norm == 0 || settings.tensor_norm == 0, ErrorCode::kInvalidArgument,
               "clip.norm and clip.tensor_norm are both set: choose the norm of all gradients "
               "together or that of each tensor");
  ClippedGradients made;
  builder.set_origin("gradient norm");
  made.norm = norm_of(builder, settings, update.gradients, update.unscale);
  made.clipped = made.norm;
  if (clips_single(settings)) {
    builder.set_origin("gradient clipping");
    const std::vector<bool> without_agc = excluded(builder.graph(), settings, update);
    for (std::size_t i = 0; i < update.gradients.size(); ++i) {
      ValueId& gradient = update.gradients[i];
      if (settings.value > 0) {
        gradient =
            builder.op("Clip", {gradient}, {{"min", -settings.value}, {"max", settings.value}});
      }
      if (settings.agc > 0 && !without_agc[i]) {
        const ValueId weight = builder.graph().read_variable(update.parameters[i]);
        gradient = builder.op("AdaptiveClip", {gradient, weight},
                              {{"axis", update.unit_axes[i]},
                               {"clip_factor", settings.agc},
                               {"eps", settings.agc_eps},
                               {"norm_type", settings.norm_type}});
      }
      if (settings.tensor_norm > 0) {
        const ValueId norm = norm_of(builder, settings, {gradient});
        gradient = builder.mul(
            gradient, builder.op("ClipFactor", {norm}, {{"max_norm", settings.tensor_norm}}));
      }
    }
    made.clipped = norm_of(builder, settings, update.gradients);
  }
  builder.set_origin("step");
  return made;
}

ValueId clip_factor(Builder& builder, const ClipSettings& settings,
                    const ClippedGradients& gradients, const UpdateInputs& update) {
  if (settings.norm > 0) {
    std::vector<ValueId> inputs = {gradients.clipped};
    if (update.unscale.valid()) {
      inputs.push_back(update.unscale);
    }
    return builder.op("ClipFactor", std::move(inputs), {{"max_norm", settings.norm}});
  }
  return update.unscale.valid() ? update.unscale : builder.scalar(builder.dtype(gradients.norm), 1);
}

// g <- g - mean of g over the unit
void centralize_gradients(Builder& builder, UpdateInputs& update) {
  builder.set_origin("gradient centralisation");
  for (std::size_t i = 0; i < update.gradients.size(); ++i) {
    const Attrs& group = update.groups[static_cast<std::size_t>(update.group_of[i])];
    const std::int64_t unit = update.unit_axes[i];
    if (group.get_int("centralize", 0) == 0 || unit < 0) {
      continue;
    }
    ValueId& gradient = update.gradients[i];
    std::vector<std::int64_t> axes;
    for (int axis = 0; axis < builder.shape(gradient).rank(); ++axis) {
      if (axis != unit) {
        axes.push_back(axis);
      }
    }
    gradient = builder.sub(gradient, builder.op("ReduceMean", {gradient},
                                                {{"axes", axes}, {"keepdims", std::int64_t{1}}}));
  }
  builder.set_origin("step");
}

}  // namespace temper::training
