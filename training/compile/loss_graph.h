// The part of a training graph between the model's outputs and the scalar loss.
#pragma once

#include <vector>

#include "graph/ir/graph.h"
#include "training/compile/training_graph.h"

namespace temper::training {

// Adds the target inputs and the loss of `outputs`; returns the loss, a scalar named "loss".
// THROWS: kInvalidArgument.
graph::ValueId add_loss(graph::Graph& graph, const CompileSettings& settings,
                        const std::vector<graph::Graph::Output>& outputs);

}  // namespace temper::training
