// The passes over a finished graph, in order, before lowering.
#pragma once

#include <functional>
#include <string_view>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"

namespace temper::graph {

struct PipelineOptions {
  // Called after each pass with its name (--dump-passes).
  std::function<void(std::string_view pass, const Graph&)> observer;
  // Fold norms into weights that the graph does not change, and let kernels prepare such weights:
  // faster, for the memory of what is prepared.
  bool prepares_weights = true;
  // Whose kernels the plan will run: what it computes faster in bytes is computed so. Null:
  // nothing.
  const Backend* kernels = nullptr;
};

// Each pass, and what was done to the graph before, is verified. THROWS: kInternal naming the pass.
void run_pipeline(Graph& graph, const Backend& reference, const PipelineOptions& options = {});

}  // namespace temper::graph
