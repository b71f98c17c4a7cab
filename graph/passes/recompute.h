// Less memory for more work: what the forward part gives is not kept until the gradients need it,
// but computed a second time just before (gradient checkpointing; Chen et al. 2016, "Training Deep
// Nets with Sublinear Memory Cost").
#pragma once

#include "graph/ir/graph.h"

namespace temper::graph {

struct Recomputation {
  // 0: what is cheap alone, which is all but products, within a few nodes of what is kept. Above 1:
  // the forward part is cut into so many segments; what passes from one into the next is kept, and
  // all of the last one.
  int segments = 0;
};

struct RecomputationReport {
  int nodes = 0;    // that are computed twice
  double work = 0;  // of their products, as a share of those of the graph
};

// Nodes behind the end of the forward part (where the loss is made, else where most is alive) read
// copies that were computed anew in the place of values that are not kept. The copies compute what
// the first ones did, bit for bit where they have the same kernels. Random numbers, bodies of loops
// and small tensors are kept. After all passes that merge nodes. REQUIRES: all shapes are known.
RecomputationReport recompute(Graph& graph, const Recomputation& how);

}  // namespace temper::graph
