// A kernel made of prepared oneDNN calls: memory objects and argument arrays exist from bind() on,
// run() only points them at the addresses and executes.
#pragma once

#include <vector>

#include "backends/cpu/checked_row.h"
#include "backends/cpu/onednn_support.h"
#include "backends/cpu/parallel.h"
#include "runtime/backend/kernel_table.h"

namespace temper::cpu {

// Where an argument of a call finds its memory.
struct Place {
  enum class Kind { kInput, kOutput, kWorkspace };
  Kind kind = Kind::kWorkspace;
  std::size_t index = 0;  // of the input or output; the byte offset in the workspace

  static Place input(std::size_t i) { return {Kind::kInput, i}; }
  static Place output(std::size_t i) { return {Kind::kOutput, i}; }
  static Place workspace(std::size_t offset) { return {Kind::kWorkspace, offset}; }
  void* address(const KernelArgs& args) const {
    switch (kind) {
      case Kind::kInput:
        return args.inputs[index];
      case Kind::kOutput:
        return args.outputs[index];
      default:
        return static_cast<char*>(args.workspace) + index;
    }
  }
};

// The memory objects of one call. Move only.
struct OneDnnArguments {
  std::vector<dnnl::memory> memories;
  std::vector<void*> addresses;
  std::vector<dnnl_exec_arg_t> arguments;
};

// One primitive and what its arguments are.
class OneDnnCall {
 public:
  explicit OneDnnCall(const dnnl::primitive& primitive) : primitive_(primitive) {}

  void add(int argument, const Desc& desc, Place place);
  OneDnnArguments make_arguments() const;
  // THROWS: kDevice when the library reports an error.
  void run(const KernelArgs& args, OneDnnArguments& made) const;

 private:
  struct Argument {
    int number;
    Desc desc;
    Place place;
  };
  dnnl::primitive primitive_;
  std::vector<Argument> arguments_;
};

class OneDnnKernel : public Kernel {
 public:
  explicit OneDnnKernel(int thread_count) : threads(thread_count) {}

  // Space in the workspace, 64-byte aligned.
  Place reserve(std::size_t bytes);

  // Adds the primitive of this descriptor; REQUIRES: made under a ThreadCountScope of the kernel's
  // threads.
  template <class P, class PD>
  OneDnnCall& call(const PD& pd) {
    calls.emplace_back(P(pd));
    const Desc scratchpad = pd.scratchpad_desc();
    if (scratchpad.get_size() > 0) {
      calls.back().add(DNNL_ARG_SCRATCHPAD, scratchpad, reserve(scratchpad.get_size()));
    }
    if (description.empty()) {
      description = pd.impl_info_str();
    }
    return calls.back();
  }
  // A layout conversion before or after the main call.
  void reorder(const Desc& from, Place source, const Desc& to, Place target);

  std::unique_ptr<KernelState> bind(const KernelArgs& args) const override;
  void run(const KernelArgs& args) const override;

  int threads;
  std::vector<OneDnnCall> calls;
};

// A row whose supports() and prepare() share one decision: decide(query, plan) returns "" or why
// not; prepare(query, plan) runs with the thread count plan.threads set.
template <class Plan>
class PlannedRow final : public KernelImpl {
 public:
  using Decide = std::string (*)(const OpQuery&, Plan&);
  using Prepare = std::unique_ptr<Kernel> (*)(const OpQuery&, const Plan&);

  PlannedRow(Decide decision, Prepare maker) : decide_(decision), prepare_(maker) {}

  std::string_view family() const override { return "onednn"; }
  Support supports(const OpQuery& query) const override {
    Plan plan;
    return support_from(decide_(query, plan));
  }
  std::unique_ptr<Kernel> prepare(const OpQuery& query) const override {
    Plan plan;
    const std::string reason = decide_(query, plan);
    TEMPER_ASSERT(reason.empty(), reason);
    const ThreadCountScope scope(plan.threads);
    return prepare_(query, plan);
  }

 private:
  Decide decide_;
  Prepare prepare_;
};

template <class Plan>
void add_planned(KernelTable& table, std::string_view op,
                 std::string (*decide)(const OpQuery&, Plan&),
                 std::unique_ptr<Kernel> (*prepare)(const OpQuery&, const Plan&)) {
  table.add(op, std::make_unique<PlannedRow<Plan>>(decide, prepare));
}

// The same, its bf16 code checked at its first use by queries that `shrink` makes.
template <class Plan>
void add_checked(KernelTable& table, std::string_view op,
                 std::string (*decide)(const OpQuery&, Plan&),
                 std::unique_ptr<Kernel> (*prepare)(const OpQuery&, const Plan&),
                 SmallQuery (*shrink)(const OpQuery&)) {
  table.add(op, std::make_unique<CheckedRow>(
                    table, std::make_unique<PlannedRow<Plan>>(decide, prepare), shrink));
}

}  // namespace temper::cpu
