// The backend of a GPU.
#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/device_backend.h"
#include "runtime/base/concat.h"

namespace temper {

bool has_cuda_backend() { return true; }

std::unique_ptr<Backend> make_cuda_backend(int ordinal) {
  return cuda::make_device_backend(ordinal == 0 ? "cuda" : concat("cuda:", ordinal), ordinal);
}

}  // namespace temper
