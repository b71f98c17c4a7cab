// What `temper doctor` says of CUDA in a build that has it.
#include <cuda_runtime_api.h>

#include "backends/cuda/cuda_parts.h"
#include "backends/cuda/real/libraries.h"
#include "runtime/base/concat.h"

namespace temper {
namespace {

std::string devices_text() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    return cuda::no_device_text(static_cast<int>(status));
  }
  std::string names;
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp facts;
    if (cudaGetDeviceProperties(&facts, i) == cudaSuccess) {
      names +=
          concat(i == 0 ? "" : ", ", i, ": ", facts.name, " (", facts.major, ".", facts.minor, ")");
    }
  }
  return names;
}

}  // namespace

std::vector<CudaPart> cuda_parts() {
  return {{"CUDA build", concat("runtime ", cuda::cuda_version_text(CUDART_VERSION),
                                " (linked), compute capabilities ", TEMPER_CUDA_BUILT_FOR)},
          {"CUDA driver", cuda::driver_text()},
          {"CUDA devices", devices_text()},
          {"cuBLASLt", cuda::cublas_lt_text()},
          {"cuDNN", cuda::cudnn_library_text()},
          {"NVRTC", cuda::nvrtc_library_text()}};
}

}  // namespace temper
