// The variables that steer a step: rates, counters, the position in the data. Part of every
// checkpoint.
#pragma once

#include "graph/ir/builder.h"

namespace temper::training {

// Scalars by their role:
// kRates: f64 [2 G, kRateSlots]; kApplied, kAttempted, kPosition: i64
// kGroup: float, rows of this accumulated group; its micro-batches with train.accumulate_by =
// "batches" kLoss, kLossSum, kLossCount: floats, what the micro-batches of this group have given to
// its loss
//   (accumulation.h)
// kSpikeWindow: floats, the watched numbers (train.spike_of) of the last good steps; infinite where
//   there was none yet
// kStopped: bool, with train.on_nonfinite = "stop": a step was not finite
// kStarts: i64 [P], with stages: the applied step at which each began
// kAverageWeight, kAverageBuffers: f64 [2, kRateSlots], how far steps move the averages of
//   parameters and of statistics to their own, in the first row as in kRates; 0 leaves them, 1
//   copies (weight_average.h)
// kLossScale: f32, kGrowthTracker: i64 (loss_scaling.h)
struct StepVariables {
  // f64 [2 G, kRateSlots]: row g has the learning rate of group g at applied step s in slot
  // s % kRateSlots, row G + g its scheduled momentum (or beta1), NaN for the optimizer's own.
  graph::VariableId rates;
  graph::VariableId applied, attempted, position;
};

// The scalar of this role, every element `initial`. `slot`: which of several. `model`: whose steps
// it steers, where a graph holds several, and `prefix`, which begins its label.
graph::VariableId add_scalar_variable(graph::Graph& graph, graph::ScalarRole role, DType dtype,
                                      const Shape& shape, double initial, int slot = 0,
                                      int model = 0, const std::string& prefix = {});

// `groups`: how many optimizer groups there are, the one of everything else included.
StepVariables add_step_variables(graph::Graph& graph, std::int64_t groups, int model = 0,
                                 const std::string& prefix = {});

// counter <- counter + by
void count(graph::Builder& builder, graph::VariableId counter, graph::ValueId by,
           graph::UpdateBinding::Kind kind);

}  // namespace temper::training
