// Compiled plans over one variable store, by name: what every engine is made of. Plans share the
// variables of equal identity, without copies, and one arena, the largest's. Threading: one thread
// at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"
#include "runtime/exec/executor.h"

namespace temper::training {

struct EngineOptions {
  int threads = 1;
  bool verify = false;
  // Called after each pass of each graph, for --dump-passes.
  std::function<void(const std::string& graph, std::string_view pass, const graph::Graph&)>
      observer;
};

// Bytes by what they are for; `total` is what a run allocates for variables and plans.
struct MemoryPlan {
  std::int64_t variables = 0;  // parameters, statistics, optimizer state
  std::int64_t gradients = 0;
  std::int64_t arena = 0;  // activations and workspaces, the largest plan's
  std::int64_t constants = 0;
  std::int64_t kernels = 0;  // tables of the kernels
  std::int64_t total() const { return variables + gradients + arena + constants + kernels; }
};

class PlanSet {
 public:
  using MakeGraph = std::function<graph::Graph()>;

  // The backends outlive the set.
  PlanSet(const Backend& backend, const Backend& reference, EngineOptions options);

  // The plan called `name`; `make` is asked for its graph when it is new. The first plan to name a
  // variable decides its layout.
  const Plan& plan(const std::string& name, const MakeGraph& make);
  // Before allocate(): adds to each variable that `wanted` chooses its snapshot.
  void add_snapshots(const std::function<bool(const StoreVariable&)>& wanted);
  // Allocates the variables of the plans so far, sets their initial values and makes the executors.
  // Called once; no later plan may name a new variable.
  void allocate();
  // REQUIRES: allocate() was called.
  Executor& executor(const std::string& name, const MakeGraph& make);

  MemoryPlan memory() const;
  VariableStore& store() { return store_; }
  const VariableStore& store() const { return store_; }
  const Backend& reference() const { return reference_; }

 private:
  struct Compiled {
    Plan plan;
    std::unique_ptr<Executor> executor;
  };
  Compiled& compile(const std::string& name, const MakeGraph& make);

  const Backend& backend_;
  const Backend& reference_;
  EngineOptions options_;
  VariableStore store_;
  std::unique_ptr<Arena> arena_;
  std::map<std::string, Compiled> compiled_;
  std::map<int, Tensor> initial_;  // of store variables, until allocate() has stored them
};

}  // namespace temper::training
