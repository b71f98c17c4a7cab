// Compiled plans over one variable store, by name: what every engine is made of. Plans share the
// variables of equal identity, without copies, and one arena, the largest's. Those made for a run
// stay; of those that come later (evaluations of other batch sizes) a bounded number is kept, and
// one that was dropped is compiled again when it is asked for. Threading: one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/passes/recompute.h"
#include "runtime/backend/backend.h"
#include "runtime/backend/communicator.h"
#include "runtime/exec/executor.h"

namespace temper::training {

struct EngineOptions {
  int threads = 1;
  bool tf32 = false;  // OpQuery::tf32
  // Gives the backend of a device; empty: make_backend() of backends.h. For backends of one's own.
  std::function<std::unique_ptr<Backend>(std::string_view device)> make_backend;
  // Plans kept at the same time: those made before allocate() and those that are held count, but
  // are never dropped.
  std::int64_t plan_cache = 8;
  // What a run may take, all of MemoryPlan together: what does not fit is computed twice. 0: all
  // there is.
  std::int64_t memory_limit = 0;
  // Of a run that trains one model on several devices: this process's or thread's. Outlives what is
  // made with it. Null: the run is alone.
  Communicator* ranks = nullptr;
  // Gradients are summed over the ranks in buckets of so many bytes (reduce_gradients.h).
  std::int64_t bucket_bytes = std::int64_t{25} << 20;
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
  std::int64_t kernels = 0;  // tables of the kernels, readings of steps
  std::int64_t inputs = 0;   // on a device: where batches lie and come in
  std::int64_t total() const {
    return variables + gradients + arena + constants + kernels + inputs;
  }
  // What a plan has for itself: constants, kernels and, on a device, inputs.
  void add(const Plan& plan, bool on_host);
};

// A plan of a set with the executor that runs it.
struct CompiledPlan {
  Plan plan;
  graph::RecomputationReport recomputed;  // because of EngineOptions::memory_limit
  std::unique_ptr<graph::Graph> graph;    // until it is known whether the plan fits that limit
  std::unique_ptr<Executor> executor;
  bool stays = false;          // made before allocate()
  int holders = 0;             // HeldExecutors
  std::int64_t last_used = 0;  // by the set's count of uses
  std::int64_t number = 0;     // the first use
};

// An executor that its set keeps for as long as this is there. Move only; gone before the set.
class HeldExecutor {
 public:
  HeldExecutor() = default;
  explicit HeldExecutor(CompiledPlan& compiled) : compiled_(&compiled) { ++compiled.holders; }
  HeldExecutor(HeldExecutor&& other) noexcept
      : compiled_(std::exchange(other.compiled_, nullptr)) {}
  HeldExecutor& operator=(HeldExecutor&& other) noexcept {
    std::swap(compiled_, other.compiled_);
    return *this;
  }
  ~HeldExecutor() {
    if (compiled_ != nullptr) {
      --compiled_->holders;
    }
  }

  Executor& operator*() const { return *compiled_->executor; }
  Executor* operator->() const { return compiled_->executor.get(); }

 private:
  CompiledPlan* compiled_ = nullptr;
};

// The variables of a set without its plans.
struct KeptVariables {
  std::unique_ptr<Stream> stream;
  VariableStore store;
};

class PlanSet {
 public:
  using MakeGraph = std::function<graph::Graph()>;

  // The backends outlive the set.
  PlanSet(const Backend& backend, const Backend& reference, EngineOptions options);

  // The plan called `name`; `make` is asked for its graph when it is not there. The first plan to
  // name a variable decides its layout. Valid until allocate(), then until another plan is asked
  // for.
  const Plan& plan(const std::string& name, const MakeGraph& make);
  // What that plan computes twice.
  const graph::RecomputationReport& recomputed(const std::string& name) const {
    return compiled_.at(name)->recomputed;
  }
  // Before allocate(): adds to each variable that `wanted` chooses its snapshot.
  void add_snapshots(const std::function<bool(const StoreVariable&)>& wanted);
  // Allocates the variables of the plans so far, sets their initial values and makes the executors.
  // Variables that `before` has too take its values, and its memory is given up on the way. Called
  // once; no later plan may name a new variable.
  void allocate(VariableStore* before = nullptr);
  // The variables, for such a successor; all plans are gone. REQUIRES: nothing is held; the set is
  // not used any more.
  KeptVariables take_variables();
  // REQUIRES: allocate() was called.
  HeldExecutor executor(const std::string& name, const MakeGraph& make);

  int plan_count() const { return static_cast<int>(compiled_.size()); }
  MemoryPlan memory() const;
  VariableStore& store() { return store_; }
  const VariableStore& store() const { return store_; }
  const Backend& reference() const { return reference_; }

 private:
  CompiledPlan& compile(const std::string& name, const MakeGraph& make);
  std::int64_t bytes_beside_variables(const Plan& plan) const;
  Plan lower_again(const graph::Graph& graph, const Plan& before, VariableStore& store);
  void fit_plans();
  void lower_all();
  void make_room();
  void allocate_all(MemoryPlan needed, VariableStore* before);
  void set_initial_values();
  std::vector<int> same_in(const VariableStore& before) const;

  const Backend& backend_;
  const Backend& reference_;
  EngineOptions options_;
  std::unique_ptr<Stream> stream_;
  VariableStore store_;
  Arena arena_;
  std::map<std::string, std::unique_ptr<CompiledPlan>> compiled_;
  std::function<bool(const StoreVariable&)> snapshots_wanted_;
  std::int64_t uses_ = 0;
  // What store variables begin with, until allocate() has stored it.
  std::map<int, graph::Variable> initial_;
};

}  // namespace temper::training
