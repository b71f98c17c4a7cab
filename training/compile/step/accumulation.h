// Gradient accumulation: the parts of the micro and last graphs that a plain step does not have.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "graph/ir/builder.h"
#include "training/compile/loss_graph.h"
#include "training/compile/training_graph.h"

namespace temper::training {

// One thing that the micro-batches of a group differentiate. Its gradients add up over the group;
// the step's gradient is the sum of `factor` times them.
struct GroupObjective {
  graph::ValueId value;   // a scalar
  graph::ValueId factor;  // a scalar; invalid: 1
};

// How a group trains, and what its loss is.
struct GroupLoss {
  std::vector<GroupObjective> objectives;
  graph::ValueId once;  // a scalar that counts once for the group; may be invalid
  LossParts loss;       // of the group so far; of all of it in the last graph
};

// The gradient of a group is that of one batch of all its rows. What is a quotient of sums is
// differentiated above the line and divided by the group's sum below it in the last graph; losses
// whose counts are not those of all rows are objectives of their own, each with accumulators and a
// pass through the model of its own. The gradient of a root is divided by the group's. An overlap
// (dice, jaccard), a loss file and a teacher's answers are no such sums: theirs is the mean over
// the micro-batches by their rows. With train.accumulate_by = "batches" the whole loss is the mean
// of the micro-batches'. Adds the variables that hold the group's sums, cleared by the last graph.
GroupLoss accumulate_loss(graph::Builder& builder, bool last, const CompileSettings& settings,
                          std::int64_t rows, const LossParts& loss);

// Adds one accumulator per parameter (state, in the parameter's layout) for objective `index`.
// Micro: accumulator <- accumulator + gradient. Last: `gradients` become accumulator + gradient and
// the accumulator is cleared. Both are attempt bindings.
void accumulate_gradients(graph::Builder& builder, bool last, std::size_t index,
                          const std::vector<graph::VariableId>& parameters,
                          std::vector<graph::ValueId>& gradients);

// BatchNorm statistics follow every micro-batch, but count only when the group's step is applied:
// they move in staging variables, which the last graph commits under `ok`, or takes back. Rewrites
// the graph's statistic bindings.
void stage_statistics(graph::Builder& builder, bool last);

}  // namespace temper::training
