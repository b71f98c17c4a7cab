#include "training/compile/step/loss_scaling.h"

#include "training/compile/step/step_variables.h"

namespace temper::training {

using graph::Builder;
using graph::UpdateBinding;
using graph::ValueId;

LossScaling::LossScaling(graph::Graph& graph, const ScalerSettings& settings, bool active)
    : settings_(settings), active_(active) {
  if (active_) {
    scale_ = add_scalar_variable(graph, graph::ScalarRole::kLossScale, DType::kFloat32, {},
                                 settings_.init_scale);
    tracker_ = add_scalar_variable(graph, graph::ScalarRole::kGrowthTracker, DType::kInt64, {}, 0);
  }
}

ValueId LossScaling::scale_seed(Builder& builder, ValueId dy) const {
  if (!active_) {
    return dy;
  }
  builder.set_origin("loss scaling");
  const ValueId scale = builder.graph().read_variable(scale_);
  return dy.valid() ? builder.mul(dy, scale) : scale;
}

ValueId LossScaling::inverse(Builder& builder) const {
  if (!active_) {
    return {};
  }
  builder.set_origin("loss unscaling");
  const ValueId scale = builder.graph().read_variable(scale_);
  // As PyTorch's, which divides in double: rounded to float, the two are the same number.
  return builder.op("Reciprocal", {scale});
}

ValueId LossScaling::update(Builder& builder, ValueId finite) const {
  if (!active_ || !settings_.dynamic) {
    return {};
  }
  builder.set_origin("loss scale");
  graph::Graph& graph = builder.graph();
  const std::vector<ValueId> next = builder.ops(
      "LossScaleUpdate", {graph.read_variable(scale_), graph.read_variable(tracker_), finite}, 2,
      {{"growth_factor", settings_.growth_factor},
       {"backoff_factor", settings_.backoff_factor},
       {"growth_interval", settings_.growth_interval},
       {"min_scale", settings_.min_scale}});
  graph.add_update({scale_, next[0], UpdateBinding::Kind::kAttempt});
  graph.add_update({tracker_, next[1], UpdateBinding::Kind::kAttempt});
  graph.add_output("loss_scale", next[0], {graph::PortRole::kLossScale, 0});
  return next[0];
}

}  // namespace temper::training
