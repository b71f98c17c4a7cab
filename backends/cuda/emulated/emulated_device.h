// What tests ask of the emulated device.
#pragma once

#include <cstdint>

#include "backends/cuda/emulated/thread_scheduler.h"

namespace temper::emulated {

// Since the program began.
struct DeviceCounts {
  std::uint64_t launches = 0;  // of kernels and library calls that the host made
  std::uint64_t captured = 0;  // the same, into a graph
  std::uint64_t replays = 0;
  std::uint64_t copies = 0;  // queued by the host
  std::uint64_t waits = 0;   // of the host
  std::uint64_t allocations = 0;
};
DeviceCounts device_counts();

}  // namespace temper::emulated
