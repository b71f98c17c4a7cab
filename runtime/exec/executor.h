// Runs a plan: a flat array of prepared kernels with resolved addresses. run() allocates nothing
// and looks nothing up. Values lie in the memory of the store's device; the host gives inputs and
// reads outputs by bind_input() and read_output(). Threading: one thread at a time; plans that
// share an arena never overlap in time.
#pragma once

#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "runtime/exec/plan.h"
#include "runtime/exec/staged_inputs.h"
#include "runtime/exec/variable_store.h"

namespace temper {

class Executor;

// Memory for the values that live within a step, shared by the plans of a run: the largest's size.
// A second block holds the gradients of the parameters, flat. Threading: one thread at a time.
class Arena {
 public:
  Arena() : Arena(host_memory()) {}
  // `memory` outlives the arena.
  explicit Arena(DeviceMemory& memory) : memory_(&memory) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Room for this plan. Where the memory in use is too small it is freed first, and the executors
  // that used it move to the new one when they run next; their outputs are gone.
  void reserve(const Plan& plan);
  bool holds(const Plan& plan) const {
    return plan.arena_bytes <= bytes_ && plan.flat_bytes <= flat_bytes_;
  }
  std::int64_t bytes() const { return bytes_; }
  std::int64_t flat_bytes() const { return flat_bytes_; }

 private:
  friend class Executor;
  std::byte* data();
  std::byte* flat();
  // A copy of a plan's constant on the device, shared by the executors alive.
  std::shared_ptr<Buffer> constant(const Tensor& tensor, Stream& stream);
  // The stream by which the inputs of its executors come in, beside this one; null: there is none.
  Stream* copies(Stream& stream);

  DeviceMemory* memory_;
  std::int64_t bytes_ = 0;
  std::int64_t flat_bytes_ = 0;
  std::shared_ptr<Buffer> buffer_;
  std::shared_ptr<Buffer> flat_buffer_;
  std::map<const void*, std::weak_ptr<Buffer>> constants_;
  std::vector<Executor*> users_;
  const Executor* last_ = nullptr;  // the one whose values lie in it
  std::unique_ptr<Stream> copies_;
};

class Executor {
 public:
  // `plan`, `store` and `arena` outlive the executor, and the last two are of one memory. The store
  // must be allocated; the arena makes room.
  Executor(const Plan& plan, VariableStore& store, Arena& arena);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  const Plan& plan() const { return *plan_; }

  // What input `index` is at the next run(): a plain tensor of the host, read there where the plan
  // runs in the host's memory (so it must stay as it is until then), copied otherwise.
  void bind_input(int index, const Tensor& value);
  // THROWS: kInvalidData naming the node that met an index out of range; what follows that node,
  // so also every update, is then not done. (On a stream that works later, the next read throws
  // it.)
  void run();
  // The same with the seconds of each step added to `seconds` (one entry per step).
  void run_profiled(std::vector<double>& seconds);
  // Output `index` after run(), on the host: waits for the run, and copies where it lies on a
  // device; all readings (plan.h) come together. Valid until the next plan runs or is made.
  const Tensor& read_output(int index) const;
  // Its first element. REQUIRES: no empty output.
  template <class T>
  T read_number(int index) const;
  // Runs step by step, without those that write variables, and returns the first step with a
  // non-finite float output, or -1. For naming the culprit of a diverged step; scalars of the step
  // are as run() left them.
  int first_non_finite_step();

 private:
  friend class Arena;
  friend class StepReadings;
  struct BoundStep {
    const Kernel* kernel;
    KernelArgs args;
    std::unique_ptr<KernelState> state;
  };
  DeviceMemory& memory() const { return store_->memory(); }
  Stream& stream() const { return store_->stream(); }
  void bind();
  void unbind();
  void bind_outputs();
  void begin_run();
  void end_run();
  void run_settled_steps();
  void run_step(std::size_t step);
  void queue_run();
  void queue_readings();
  void forget_read();
  void* address(const Location& location) const;
  std::shared_ptr<const void> owner(const Location& location) const;
  void copy_readings(void* to) const;
  bool outputs_finite(std::size_t step) const;
  void wait() const;
  void check_faults() const;
  [[noreturn]] void fail_index(std::size_t step) const;

  const Plan* plan_;
  VariableStore* store_;
  Arena* arena_;
  bool bound_ = false;                        // addresses are known, also the arena's
  std::vector<std::vector<void*>> pointers_;  // two per step: inputs, outputs
  std::vector<BoundStep> steps_;
  IndexFault* faults_ = nullptr;          // one per step, in host memory
  std::shared_ptr<Buffer> fault_buffer_;  // that the device can reach
  // What a device repeats; made at the second run, when kernels have what they make at their first.
  std::unique_ptr<Stream::Recording> recording_;
  bool has_run_ = false;
  bool writes_variables_ = false;
  // What the settled steps (plan.h) gave is there, of the store after so many changes.
  bool settled_ = false;
  std::uint64_t settled_changes_ = 0;
  std::vector<std::vector<void**>> input_uses_;     // per plan input: the pointers to patch
  std::vector<Tensor> inputs_;                      // as bound
  std::unique_ptr<StagedInputs> staged_;            // on a device
  std::vector<std::shared_ptr<Buffer>> constants_;  // the plan's on the device
  std::shared_ptr<Buffer> readings_;
  // What read_output() gives: views of the host's memory, or copies of a device's.
  mutable std::vector<Tensor> outputs_;
  mutable std::vector<bool> is_read_;  // since the last run
  mutable bool readings_read_ = false;
  std::shared_ptr<Buffer> host_readings_;
};

template <class T>
T Executor::read_number(int index) const {
  const Tensor& tensor = read_output(index);
  return visit_any(tensor.dtype(), [&]<class D>() {
    return convert_element<T>(*static_cast<const D*>(tensor.data()));
  });
}

}  // namespace temper
