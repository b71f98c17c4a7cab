// In the place of the list of parts in a build without CUDA.
#include "backends/cuda/cuda_parts.h"

namespace temper {

std::vector<CudaPart> cuda_parts() {
  return {{"CUDA build", "none: build with -DTEMPER_CUDA=ON, which needs nvcc of CUDA 13"}};
}

}  // namespace temper
