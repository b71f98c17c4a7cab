// Reshape, Flatten, Squeeze, Unsqueeze, Identity: a copy, for where lowering could not alias; and
// Copy, a plain copy of bytes in any layout.
#include <cstring>

#include "backends/reference/reference_backend.h"

namespace temper::reference {
namespace {

// Overlap only as equal pointers.
void copy_bytes(const void* from, void* to, std::size_t bytes) {
  if (from != to && bytes != 0) {
    std::memcpy(to, from, bytes);
  }
}

std::unique_ptr<Kernel> prepare_reshape(const OpQuery& query) {
  const auto bytes =
      static_cast<std::size_t>(storage_bytes(query.inputs[0].dtype, query.inputs[0].shape, {}));
  auto kernel = make_kernel(
      [bytes](const KernelArgs& args) { copy_bytes(args.inputs[0], args.outputs[0], bytes); });
  kernel->inplace = {{0, 0}};
  return kernel;
}

Support supports_copy(const OpQuery& query) {
  const TensorSpec& out = query.outputs[0];
  return out.layout_free || out.layout == query.inputs[0].layout
             ? Support::yes()
             : Support::no("the layouts differ");
}

std::unique_ptr<Kernel> prepare_copy(const OpQuery& query) {
  const auto bytes = static_cast<std::size_t>(query.inputs[0].bytes());
  auto kernel = make_kernel(
      [bytes](const KernelArgs& args) { copy_bytes(args.inputs[0], args.outputs[0], bytes); });
  kernel->input_layouts = {query.inputs[0].layout};
  kernel->output_layouts = {query.inputs[0].layout};
  return kernel;
}

}  // namespace

void register_reshape(KernelTable& table) {
  for (const char* op :
       {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "StopGradient"}) {
    table.add(op, "reference", {}, prepare_reshape);
  }
  table.add("Copy", "reference", supports_copy, prepare_copy);
  table.set_any_type("Copy");
}

}  // namespace temper::reference
