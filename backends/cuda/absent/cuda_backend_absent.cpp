// In the place of the backend in a build without CUDA.
#include "backends/cuda/cuda_backend.h"
#include "runtime/base/error.h"

namespace temper {

bool has_cuda_backend() { return false; }

std::unique_ptr<Backend> make_cuda_backend(int) {
  fail(
      ErrorCode::kUnsupported,
      "this build has no CUDA backend: build with -DTEMPER_CUDA=ON, or use train.device = \"cpu\"");
}

}  // namespace temper
