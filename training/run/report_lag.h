// How many steps ahead of their reports a run goes.
#pragma once

#include <cstdint>

#include "runtime/memory/device_memory.h"

namespace temper::training {

inline constexpr std::int64_t kLateAsSuitsTheDevice = -1;

// A host has done a step when it has issued it; a device works on while the host reads, decodes and
// logs.
inline std::int64_t report_lag(std::int64_t late, const DeviceMemory& memory) {
  constexpr std::int64_t kOfDevice = 4;
  return late != kLateAsSuitsTheDevice ? late : memory.is_host() ? 0 : kOfDevice;
}

}  // namespace temper::training
