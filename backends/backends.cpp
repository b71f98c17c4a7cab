#include "backends/backends.h"

#include "backends/cpu/cpu_backend.h"
#include "backends/reference/reference_backend.h"
#include "runtime/base/error.h"

namespace temper {

std::unique_ptr<Backend> make_backend(std::string_view device) {
  if (device == "cpu") {
    return cpu::make_cpu_backend(reference::register_all_kernels);
  }
  if (device == "reference") {
    return reference::make_reference_backend();
  }
  TEMPER_CHECK(device != "cuda", ErrorCode::kUnsupported,
               "this build has no CUDA backend; use train.device = \"cpu\"");
  fail(ErrorCode::kInvalidArgument, "unknown device '", device, "' (there are cpu, reference)");
}

}  // namespace temper
