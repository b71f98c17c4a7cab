// Gradient accumulation: the parts of the micro and last graphs that a plain step does not have.
#pragma once

#include <vector>

#include "graph/ir/builder.h"

namespace temper::training {

// Variables called after the one they are for.
inline constexpr const char* kAccumulatedSuffix = ".accumulated";
inline constexpr const char* kStagedSuffix = ".staged";

// Adds one accumulator per parameter (state, in the parameter's layout). Micro: accumulator <-
// accumulator + gradient. Last: `gradients` become accumulator + gradient and the accumulator is
// cleared. Both are attempt bindings.
void accumulate_gradients(graph::Builder& builder, bool last,
                          const std::vector<graph::VariableId>& parameters,
                          std::vector<graph::ValueId>& gradients);

// The losses of the group so far plus this one: not finite when one of them is not. Cleared by the
// last graph.
graph::ValueId accumulate_loss(graph::Builder& builder, bool last, graph::ValueId loss);

// BatchNorm statistics follow every micro-batch, but count only when the group's step is applied:
// they move in staging variables, which the last graph commits under `ok`, or takes back. Rewrites
// the graph's statistic bindings.
void stage_statistics(graph::Builder& builder, bool last);

}  // namespace temper::training
