// Runs single kernels on an op case, with guard words behind every buffer a kernel may write.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/backend/backend.h"
#include "tests/ops/case_graph.h"

namespace temper::op_suite {

struct KernelResult {
  std::vector<Tensor> outputs;  // plain; undefined for left-out and opaque ones
  std::vector<std::string>
      complaints;  // guard words overwritten, elements not written, padding not zero
};

// One kernel prepared for one case, to be run on several inputs. The CaseGraph must outlive it.
class CaseKernel {
 public:
  // "" or why the row refuses the case.
  static std::string refusal(const CaseGraph& case_graph, const KernelImpl& row, int threads = 1);

  // `device`: where the row's kernels run, when it is not the host. `last`: inputs of rank 3 and
  // more come with their channels last.
  CaseKernel(const CaseGraph& case_graph, const KernelImpl& row, int threads = 1,
             const Backend* device = nullptr, bool last = false);

  // Whether it takes some input in a layout other than plain.
  bool takes_layouts() const;

  // Runs three times: on memory full of ones, on zeroed memory, and in place where the kernel
  // allows it. All must agree. `before_run` is told which of the three comes.
  KernelResult run_checked(const std::vector<Tensor>& inputs, void (*before_run)(int) = nullptr);
  std::vector<Tensor> run(const std::vector<Tensor>& inputs);

 private:
  struct Memory;
  Memory make_memory(const std::vector<Tensor>& inputs, int poison, bool in_place) const;
  void execute(Memory& memory);
  void execute_on_device(Memory& memory);
  Tensor guarded(const TensorSpec& spec, const Layout& layout, std::size_t opaque_bytes,
                 int poison) const;
  std::vector<Tensor> plain_outputs(const Memory& memory) const;
  void inspect(const Memory& memory, const std::vector<Tensor>& inputs,
               std::vector<std::string>& complaints) const;

  const CaseGraph& case_graph_;
  OpQuery query_;
  std::unique_ptr<Kernel> kernel_;
  const Backend* device_;
};

// The reference row of an op, or null.
const KernelImpl* reference_row(std::string_view op);
// The reference row that takes this case (16-bit types run by conversion), or null.
const KernelImpl* reference_row(const CaseGraph& case_graph);
const Backend& reference_backend();

// What the reference makes of a case: by its kernel, or of an op that has none by its expansion.
// The CaseGraph must outlive it.
class ReferenceCase {
 public:
  explicit ReferenceCase(const CaseGraph& case_graph);

  KernelResult run_checked(const std::vector<Tensor>& inputs);
  std::vector<Tensor> run(const std::vector<Tensor>& inputs);

 private:
  const CaseGraph& case_graph_;
  std::unique_ptr<CaseKernel> kernel_;  // null: by expansion
};

}  // namespace temper::op_suite
