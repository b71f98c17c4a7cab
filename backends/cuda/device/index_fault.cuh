// How a kernel notes an index out of range.
#pragma once

#include "backends/cuda/device/index_fault.h"
#include "backends/cuda/launch.cuh"

namespace temper::cuda {

// The first one of a step stays.
__device__ __forceinline__ void note_index(DeviceFault* fault, std::int64_t index, std::int64_t low,
                                           std::int64_t high) {
  if (fault != nullptr && atomicCAS(&fault->noted, 0, 1) == 0) {
    fault->index = index;
    fault->low = low;
    fault->high = high;
  }
}

}  // namespace temper::cuda
