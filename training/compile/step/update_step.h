// The part of a training graph after the loss: gradient, accumulation, clipping, the check that all
// is finite, the optimizer's update, counters.
#pragma once

#include "graph/ir/graph.h"
#include "training/compile/loss_graph.h"
#include "training/compile/step/step_variables.h"
#include "training/compile/training_graph.h"

namespace temper::training {

// For kTrain, kMicro and kLast; adds the norm and ok to the outputs (not kMicro). Returns the
// loss of the step: of kLast that of the group.
LossParts add_update_step(graph::Graph& graph, const CompileSettings& settings,
                          const GraphRequest& request, const StepVariables& step,
                          const LossParts& loss);

}  // namespace temper::training
