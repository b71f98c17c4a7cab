// The backend of the emulated device.
#include <utility>

#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/device_backend.h"
#include "backends/cuda/emulated/library_kernels.h"

namespace temper {

bool has_emulated_cuda_backend() { return true; }

std::unique_ptr<Backend> make_emulated_cuda_backend(std::unique_ptr<Backend> reference) {
  emulated::set_library_backend(std::move(reference));
  return cuda::make_device_backend(std::string(kEmulatedCudaDevice), 0);
}

}  // namespace temper
