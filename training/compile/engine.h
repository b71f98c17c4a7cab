// The plans of one model (plan_set.h) for the requests a run makes: what the trainer, evaluation
// and the library's users run. Threading: one thread at a time.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"
#include "runtime/exec/executor.h"
#include "training/compile/plan_set.h"
#include "training/compile/training_graph.h"

namespace temper::training {

class Engine {
 public:
  // `imported` has unbound shapes. The backends outlive the engine.
  Engine(graph::Graph imported, CompileSettings settings, const Backend& backend,
         const Backend& reference, EngineOptions options);

  // Compiles these graphs and allocates everything for them. The first request decides the layouts
  // of the variables, so the training graph comes first. Variables get their initial values.
  // Those that `before` has too take its values and its memory (PlanSet::allocate). Of several
  // ranks all get rank 0's.
  void prepare(const std::vector<GraphRequest>& requests, VariableStore* before = nullptr);
  // See PlanSet.
  KeptVariables take_variables() { return plans_.take_variables(); }

  // The executor of a graph, compiled when it is not there. REQUIRES: prepare() was called.
  HeldExecutor executor(const GraphRequest& request);

  MemoryPlan memory() const { return plans_.memory(); }
  int plan_count() const { return plans_.plan_count(); }
  VariableStore& store() { return plans_.store(); }
  const VariableStore& store() const { return plans_.store(); }
  const graph::Graph& imported() const { return imported_; }
  const CompileSettings& settings() const { return settings_; }
  // CompileSettings::observe_until. Before any graph is made.
  void observe_until(std::int64_t step) { settings_.observe_until = step; }

  // Logical values of all variables the model file has (parameters and statistics), by name: views
  // of the store, which they are read from when they are asked for.
  std::map<std::string, PlainValue> model_values() const;
  // Where the plan of a request has what its step gives; compiles it when it is new.
  const GraphPorts& ports(const GraphRequest& request);
  // The plan of a request that was prepared, for inspection.
  const Plan& plan(const GraphRequest& request);
  // What that plan computes twice.
  graph::RecomputationReport recomputed(const GraphRequest& request);

 private:
  graph::Graph make(const GraphRequest& request);

  graph::Graph imported_;
  CompileSettings settings_;
  Communicator* ranks_;
  PlanSet plans_;
  std::map<std::string, GraphPorts> ports_;  // by the plan's name
};

}  // namespace temper::training
