// Compiled plans of one model over one variable store: what the trainer, evaluation and the
// library's users run. Threading: one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"
#include "runtime/exec/executor.h"
#include "training/compile/training_graph.h"

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
  std::int64_t total() const { return variables + gradients + arena + constants; }
};

class Engine {
 public:
  // `imported` has unbound shapes. The backends outlive the engine.
  Engine(graph::Graph imported, CompileSettings settings, const Backend& backend,
         const Backend& reference, EngineOptions options);

  // Compiles these graphs and allocates everything for them. The first request decides the layouts
  // of the variables, so the training graph comes first. Variables get their initial values.
  void prepare(const std::vector<GraphRequest>& requests);

  // The executor of a graph; compiles it when it is new and keeps it.
  // REQUIRES: prepare() was called.
  Executor& executor(const GraphRequest& request);

  MemoryPlan memory() const;
  VariableStore& store() { return store_; }
  const VariableStore& store() const { return store_; }
  const graph::Graph& imported() const { return imported_; }
  const CompileSettings& settings() const { return settings_; }

  // Logical values of all variables the model file has (parameters and statistics), by name.
  std::map<std::string, Tensor> model_values() const;
  // The plan of a request that was prepared, for inspection.
  const Plan& plan(const GraphRequest& request);

 private:
  struct Compiled {
    Plan plan;
    std::unique_ptr<Executor> executor;
  };
  static std::string key(const GraphRequest& request);
  Compiled& compile(const GraphRequest& request);

  graph::Graph imported_;
  CompileSettings settings_;
  const Backend& backend_;
  const Backend& reference_;
  EngineOptions options_;
  VariableStore store_;
  std::unique_ptr<Arena> arena_;
  std::map<std::string, Compiled> compiled_;
  std::map<std::string, Tensor> initial_;  // until prepare() has stored them
};

}  // namespace temper::training
