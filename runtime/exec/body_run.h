// A plan run again and again inside a kernel: the body of a loop or a branch, with memory of its
// own.
#pragma once

#include <memory>
#include <vector>

#include "runtime/exec/executor.h"

namespace temper {

// A body's plan, and where its graph's inputs and outputs are in it.
struct BodyPlan {
  Plan plan;
  std::vector<int> inputs;  // -1: it does not read this one
  std::vector<int> outputs;

  BodyPlan(Plan made, std::size_t input_count, std::size_t output_count);
  std::int64_t bytes() const { return plan.arena_bytes + plan.kernel_bytes; }
};

class BodyRun {
 public:
  explicit BodyRun(const BodyPlan& body);

  // Input i is at this address from now on; allocates only when it was elsewhere.
  void bind(std::size_t i, void* address);
  void bind(std::size_t i, const Tensor& tensor);
  // A tensor for input i, and input i bound to it.
  Tensor make_input(std::size_t i);
  void run() { executor_.run(); }
  const Tensor& output(std::size_t i) const { return executor_.read_output(body_.outputs[i]); }
  // Copies output i there.
  void copy_output(std::size_t i, void* to) const;

 private:
  const BodyPlan& body_;
  VariableStore store_;
  Arena arena_;
  Executor executor_;
  std::vector<void*> addresses_;
};

}  // namespace temper
