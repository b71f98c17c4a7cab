// Which parameters are trained, in which optimizer group, and what each group sets apart.
#pragma once

#include "graph/ir/graph.h"
#include "training/compile/training_graph.h"
#include "training/optimizers/optimizer.h"

namespace temper::training {

// Fills parameters, group_of and groups: trainable parameters sorted by optimizer group, so that
// each group is one flat range. A parameter belongs to the last group whose pattern matches it.
// THROWS: kInvalidArgument when a pattern matches nothing.
void collect_parameters(graph::Graph& graph, const CompileSettings& settings, UpdateInputs& update);

}  // namespace temper::training
