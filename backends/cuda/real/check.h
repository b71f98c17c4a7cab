// From CUDA's status to an Error.
#pragma once

#include <cuda_runtime_api.h>

#include "runtime/base/error.h"

namespace temper::cuda {

inline void check(cudaError_t status, const char* what) {
  TEMPER_CHECK(status == cudaSuccess, ErrorCode::kDevice, what, ": ", cudaGetErrorString(status),
               " (", cudaGetErrorName(status), ")");
}

}  // namespace temper::cuda
