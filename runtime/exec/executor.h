// Runs a plan: a flat array of prepared kernels with resolved addresses. run() allocates nothing
// and looks nothing up. Threading: one thread at a time; plans that share an arena never overlap in
// time.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "runtime/exec/plan.h"
#include "runtime/exec/variable_store.h"

namespace temper {

// Memory for the values that live within a step, shared by the plans of a run: the largest's size.
// A second block holds the gradients of the parameters, flat.
class Arena {
 public:
  // Room for this plan; REQUIRES: before any executor that uses the arena was made.
  void reserve(const Plan& plan);
  bool holds(const Plan& plan) const {
    return plan.arena_bytes <= bytes_ && plan.flat_bytes <= flat_bytes_;
  }
  std::byte* data();
  std::byte* flat();
  std::int64_t bytes() const { return bytes_; }
  std::int64_t flat_bytes() const { return flat_bytes_; }
  std::shared_ptr<const void> owner() const { return buffer_; }

 private:
  std::int64_t bytes_ = 0;
  std::int64_t flat_bytes_ = 0;
  std::shared_ptr<Buffer> buffer_;
  std::shared_ptr<Buffer> flat_buffer_;
};

class Executor {
 public:
  // `plan`, `store` and `arena` outlive the executor. The store must be allocated.
  Executor(const Plan& plan, VariableStore& store, Arena& arena);

  const Plan& plan() const { return *plan_; }

  // The memory input `index` is read from at the next run(): plain layout, alive until then.
  void bind_input(int index, const void* data);
  // THROWS: kInvalidData naming the node that met an index out of range; what follows that node,
  // so also every update, is then not done.
  void run();
  // The same with the seconds of each step added to `seconds` (one entry per step).
  void run_profiled(std::vector<double>& seconds);
  // A view of output `index` after run(), valid until the next plan runs.
  const Tensor& output(int index) const { return outputs_[static_cast<std::size_t>(index)]; }
  // Runs step by step, without those that write variables, and returns the first step with a
  // non-finite float output, or -1. For naming the culprit of a diverged step; scalars of the step
  // are as run() left them.
  int first_non_finite_step();

 private:
  struct BoundStep {
    const Kernel* kernel;
    KernelArgs args;
    std::unique_ptr<KernelState> state;
  };
  void* address(const Location& location) const;
  [[noreturn]] void fail_index(std::size_t step) const;

  const Plan* plan_;
  VariableStore* store_;
  Arena* arena_;
  std::vector<std::vector<void*>> pointers_;  // two per step: inputs, outputs
  std::vector<BoundStep> steps_;
  std::unique_ptr<IndexFault> fault_;            // of the step that runs
  std::vector<std::vector<void**>> input_uses_;  // per plan input: the pointers to patch
  std::vector<Tensor> outputs_;
};

}  // namespace temper
