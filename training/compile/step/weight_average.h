// An average of the weights of a run beside them, as torch.optim.swa_utils.AveragedModel: its part
// of the training graph. The averages are variables of the store, part of every checkpoint; each is
// updated by the step that updates its weight, under the same `ok`.
#pragma once

#include "graph/ir/builder.h"
#include "training/compile/step/step_variables.h"
#include "training/compile/training_graph.h"

namespace temper::training {

// average <- average + weight (new value - average) for every parameter and statistic. With stages,
// parameters that are frozen now are averaged too. REQUIRES: graph.updates has the step's updates.
void add_weight_average(graph::Graph& graph, const CompileSettings& settings,
                        const StepVariables& step);

}  // namespace temper::training
