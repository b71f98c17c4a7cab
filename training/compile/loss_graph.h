// The part of a training graph between the model's outputs and the scalar loss: the weighted sum of
// one or more losses and, in training, the penalties on weights.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graph/ir/graph.h"
#include "training/compile/training_graph.h"

namespace temper::training {

inline constexpr const char* kLossPartOutput = "loss:";  // "loss:cross_entropy", "loss:l2"

struct LossParts {
  graph::ValueId total;  // a scalar named "loss"
  // With several terms or a penalty: each by its label, as it counts before its weight. Penalties
  // count as they are, factor included.
  std::vector<std::pair<std::string, graph::ValueId>> parts;
};

// Adds the target inputs and the loss of `outputs`; `training`: penalties too.
// THROWS: kInvalidArgument.
LossParts add_loss(graph::Graph& graph, const CompileSettings& settings,
                   const std::vector<graph::Graph::Output>& outputs, bool training);

// The names of the terms in the log, all different: the label, the loss's name or, where two are
// alike, that with the output or a number.
std::vector<std::string> term_labels(const std::vector<LossTermSettings>& terms);

}  // namespace temper::training
