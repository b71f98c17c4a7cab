// Graph -> plan: kernel selection with layouts, reorders at the edges of layout regions, memory
// addresses.
//
// Layouts spread forward: a kernel sees the layout its inputs arrive in and may ask for others (a
// Reorder is put in, one per value and layout) and may give any. The first kernel that reads a
// variable chooses its layout if the variable allows it; whatever reads it otherwise gets a
// reorder. The gradient of a variable and its moments have the variable's layout.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"
#include "runtime/backend/communicator.h"
#include "runtime/exec/plan.h"
#include "runtime/exec/variable_store.h"

namespace temper::graph {

struct LowerOptions {
  int threads = 1;  // at most: see plan_threads.h
  bool tf32 = false;
  // What is the same in every run is kept from run to run, and so takes memory for all of it.
  bool keeps_settled = true;
  // What one tensor may take, and what sets that bound, for the message.
  std::int64_t largest_tensor_bytes = std::int64_t{1} << 47;
  const char* limit_name = "the address space";
  // Of AllReduce nodes; outlives the plan.
  Communicator* ranks = nullptr;
};

// The plan of a graph whose shapes are all known. If the store is not allocated yet, the graph's
// variables are added to it with the layouts chosen here; otherwise they must be there and their
// layouts are taken as given. Call store.allocate() (and load the variables) before running the
// plan. THROWS: kOutOfMemory naming the node of a tensor that is too large, before any kernel is
// prepared; kUnsupported naming every node without a kernel, with all reasons; kDistributed when
// the ranks' plans do not fit together.
Plan lower(const Graph& graph, const Backend& backend, VariableStore& store,
           const LowerOptions& options);

}  // namespace temper::graph
