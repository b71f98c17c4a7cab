// A kernel notes an index that lies outside the tensor it picks from: what KernelArgs::note_index()
// is on the host, which reads it when the step is over.
#pragma once

#include <cstdint>

#include "runtime/backend/kernel.h"

namespace temper::cuda {

// As IndexFault lies in memory, which is pinned.
struct DeviceFault {
  std::int32_t noted;
  std::int64_t index, low, high;
};
static_assert(sizeof(DeviceFault) == sizeof(IndexFault));

inline DeviceFault* fault_of(const KernelArgs& args) {
  return reinterpret_cast<DeviceFault*>(args.fault);
}

}  // namespace temper::cuda
