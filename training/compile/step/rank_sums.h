// Data-parallel training: what the ranks of a run, each with its share of the rows, have in common
// in a step. Its loss, and all that follows from it, is that of the whole batch, on every rank the
// same number; gradients are summed by graph/passes/reduce_gradients.h.
#pragma once

#include "graph/ir/graph.h"
#include "training/compile/loss_graph.h"
#include "training/compile/training_graph.h"

namespace temper::training {

// Random numbers are told apart by the samples before them: those of this rank's rows are the ones
// that one rank would give them. REQUIRES: apply_training_mode() has read `position`.
void shift_position(graph::Graph& graph, const GraphRequest& request, graph::VariableId position);

struct RankSums {
  LossParts loss;
  // Of a step with statistics: i64, on how many ranks they are all finite. Each rank has its own.
  graph::ValueId finite;
};

// The sums that the loss is made of over all ranks, by one exchange, with the counts of right
// predictions, which are put in the place of the graph's output. The gradient of what comes out is
// a rank's own part: they are to be summed. A penalty on weights counts once. With one rank
// nothing is done.
RankSums sum_over_ranks(graph::Graph& graph, const CompileSettings& settings,
                        const GraphRequest& request, const LossParts& own);

// Rows of the batch of all ranks.
inline std::int64_t all_rows(const GraphRequest& request) {
  return request.all_rows > 0 ? request.all_rows : request.batch;
}

}  // namespace temper::training
