// Copy, CommitIf and the reshapes that lowering could not make aliases of: bytes of any dtype, in
// parallel when there are many; Copy and CommitIf in any layout.
#include <cstring>

#include "backends/cpu/parallel.h"
#include "runtime/backend/kernel_table.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kGrainBytes = 4096;

void copy_bytes(int threads, const void* from, void* to, std::int64_t bytes) {
  if (from == to) {
    return;
  }
  parallel_ranges(threads, bytes, kGrainBytes, [&](std::int64_t begin, std::int64_t end) {
    std::memcpy(static_cast<char*>(to) + begin, static_cast<const char*>(from) + begin,
                static_cast<std::size_t>(end - begin));
  });
}

std::unique_ptr<Kernel> prepare_copy(const OpQuery& query) {
  const std::int64_t bytes = query.inputs[0].bytes();
  const int threads = threads_for_elements(query.threads, bytes / 4);
  auto kernel = make_kernel(
      [=](const KernelArgs& args) { copy_bytes(threads, args.inputs[0], args.outputs[0], bytes); });
  kernel->input_layouts = {query.inputs[0].layout};
  kernel->output_layouts = {query.inputs[0].layout};
  kernel->inplace = {{0, 0}};
  return kernel;
}

std::unique_ptr<Kernel> prepare_reshape(const OpQuery& query) {
  const std::int64_t bytes = storage_bytes(query.inputs[0].dtype, query.inputs[0].shape, {});
  const int threads = threads_for_elements(query.threads, bytes / 4);
  auto kernel = make_kernel(
      [=](const KernelArgs& args) { copy_bytes(threads, args.inputs[0], args.outputs[0], bytes); });
  kernel->inplace = {{0, 0}};
  return kernel;
}

// Writes the variable only when the step is good.
std::unique_ptr<Kernel> prepare_commit(const OpQuery& query) {
  const TensorSpec& value = query.inputs[1];
  const std::int64_t bytes = value.bytes();
  const int threads = threads_for_elements(query.threads, bytes / 4);
  auto kernel = make_kernel([=](const KernelArgs& args) {
    if (*static_cast<const bool*>(args.inputs[0])) {
      copy_bytes(threads, args.inputs[1], args.outputs[0], bytes);
    }
  });
  kernel->input_layouts = {query.inputs[0].layout, value.layout};
  kernel->output_layouts = {value.layout};
  return kernel;
}

Support supports_commit(const OpQuery& query) {
  const TensorSpec& variable = query.outputs[0];
  return variable.layout_free || variable.layout == query.inputs[1].layout
             ? Support::yes()
             : Support::no("the value's layout is not the variable's");
}

}  // namespace

void register_copies(KernelTable& table) {
  table.add("Copy", "cpu", {}, prepare_copy);
  table.add("CommitIf", "cpu", supports_commit, prepare_commit);
  for (const char* op :
       {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "StopGradient"}) {
    table.add(op, "cpu", {}, prepare_reshape);
  }
  table.set_any_type("Copy");
  table.set_any_type("CommitIf");
}

}  // namespace temper::cpu
