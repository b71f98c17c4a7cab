// An average of the weights of a run beside them, as torch.optim.swa_utils.AveragedModel: its part
// of the training graph. The averages are variables of the store, part of every checkpoint; each is
// updated by the step that updates its weight, under the same `ok`.
#pragma once

#include "graph/ir/builder.h"
#include "training/compile/step/step_variables.h"
#include "training/compile/training_graph.h"

namespace temper::training {

inline constexpr const char* kAveragePrefix = "average:";
// f64: how far the coming step moves the averages to its weights; 0 leaves them, 1 copies. Of
// parameters, and of BatchNorm statistics.
inline constexpr const char* kAverageWeightVariable = "step.average_weight";
inline constexpr const char* kAverageBuffersVariable = "step.average_buffers";

// average <- average + weight (new value - average) for every parameter and statistic. With stages,
// parameters that are frozen now are averaged too. REQUIRES: graph.updates has the step's updates.
void add_weight_average(graph::Graph& graph, const CompileSettings& settings,
                        const StepVariables& step);

}  // namespace temper::training
