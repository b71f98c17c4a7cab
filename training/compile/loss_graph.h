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

// Adds the target inputs and the loss of `outputs`; `training`: penalties too. REQUIRES: the
// inputs of `graph` are the model's. THROWS: kInvalidArgument.
LossParts add_loss(graph::Graph& graph, const CompileSettings& settings,
                   const std::vector<graph::Graph::Output>& outputs, bool training,
                   const Backend& reference);

// The names of the terms in the log, all different: the label, the loss's name ("file" for a file)
// or, where two are alike, that with the output or a number.
std::vector<std::string> term_labels(const std::vector<LossTermSettings>& terms);

// The parts that a graph has, without making one; empty for a loss of one part.
std::vector<std::string> loss_part_labels(const CompileSettings& settings, bool training);

}  // namespace temper::training
