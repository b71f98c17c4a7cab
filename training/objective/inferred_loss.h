// Which loss a model's output and its target ask for where a recipe names none, and whether a loss
// that is named fits what the model's last operator makes of its output.
#pragma once

#include <string>

#include "runtime/exec/executor.h"
#include "training/compile/output_end.h"
#include "training/data/dataset.h"
#include "training/losses/loss.h"
#include "training/metrics/task.h"
#include "training/objective/run_losses.h"

namespace temper::training {

struct InferredLoss {
  std::string name;
  std::string why;  // "the target is i64 per sample, and the output ends in Sigmoid"
};

// `output`: batch first. What the target is shows in its type, its shape and its values: whole
// numbers of the output's shape that are all 0 or 1 are labels that may hold at once, others are
// numbers. COST: the target is read where that decides.
InferredLoss infer_loss(const graph::Graph& forward, graph::ValueId output, const Dataset& data,
                        const Field& target);

// What is wrong with a loss behind such an end, and what to write; empty: nothing.
std::string end_problem(const Loss& loss, const Attrs& parameters, const EndOfOutput& end);

// Of a loss of probabilities whose output, as it was computed last, is not from 0 to 1: what to
// write. Empty: nothing is wrong with that.
std::string outside_probabilities(const RunLosses& losses, const Executor& executor);

// How metrics read scores that would be `scores` but for the end.
Scores scores_behind(OutputEnd end, Scores scores, bool of_classes);

}  // namespace temper::training
