// The part of a training graph between the model's outputs and the scalar loss: the weighted sum of
// one or more losses and, in training, the penalties on weights.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/ir/builder.h"
#include "training/compile/training_graph.h"
#include "training/losses/loss_sums.h"

namespace temper::training {

// What is known of a part of the loss without a graph.
struct LossPartForm {
  std::string label;
  LossForm form;
  double factor = 1;  // in the total
  bool penalty = false;
};

struct LossPart {
  LossPartForm of;
  LossSums sums;
  graph::ValueId value;  // as it counts before its factor
};

struct LossParts {
  graph::ValueId total;         // a scalar named "loss": the sum of factor times value
  std::vector<LossPart> parts;  // at least one; penalties count as they are, factor included
};

// The sums of a part as one vector: [2], or [2 C] of an overlap.
graph::ValueId joined_sums(graph::Builder& builder, const LossSums& sums);

// A part that is one number for the batch: it weighs as many rows as the batch has.
LossPart part_of_batch(graph::Builder& builder, LossPartForm form, graph::ValueId value,
                       std::int64_t rows);

// Adds the target inputs and the loss of `outputs`, of a batch of so many rows; `training`:
// penalties too. REQUIRES: the inputs of `graph` are the model's. THROWS: kInvalidArgument.
LossParts add_loss(graph::Graph& graph, const CompileSettings& settings,
                   const std::vector<graph::Graph::Output>& outputs, bool training,
                   std::int64_t rows, const Backend& reference);

// The loss, and for each part its sums, then as many counts (loss_value() in losses/loss_sums.h).
void add_loss_outputs(graph::Graph& graph, const LossParts& loss);

// The parts that a graph has, without making one.
std::vector<LossPartForm> loss_part_forms(const CompileSettings& settings, bool training);

// The names of the terms in the log, all different: the label, the loss's name ("file" for a file)
// or, where two are alike, that with the output or a number.
std::vector<std::string> term_labels(const std::vector<LossTerm>& terms);

// Their names; empty for a loss of one part.
std::vector<std::string> loss_part_labels(const CompileSettings& settings, bool training);

}  // namespace temper::training
