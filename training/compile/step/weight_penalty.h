// loss.l1 and loss.l2: penalties on the size of weights.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graph/ir/graph.h"
#include "training/compile/training_graph.h"

namespace temper::training {

// "l1" and "l2" as settings.penalty says, scalars with their factors: l1 sum |w| and l2 sum w^2 of
// what is trained. THROWS: kInvalidArgument when they would be of nothing.
std::vector<std::pair<std::string, graph::ValueId>> add_penalties(graph::Graph& graph,
                                                                  const CompileSettings& settings);

}  // namespace temper::training
