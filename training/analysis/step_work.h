// What one training step asks of its device: kernels and copies, bytes, memory, and what the host
// does meanwhile. A plan says the bytes; how many launches and copies it takes is counted by the
// emulated device.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/exec/executor.h"

namespace temper::training {

// Of a step after the first ones.
struct CountedWork {
  // In the graph that the device repeats.
  std::int64_t kernels = 0;
  std::int64_t library_calls = 0;
  std::int64_t copies = 0;
  // By the host.
  std::int64_t replays = 0;
  std::int64_t host_launches = 0;  // of kernels and library calls
  std::int64_t host_copies = 0;
  std::int64_t host_waits = 0;  // that the device waits for, too
  std::int64_t allocations = 0;
  std::int64_t bytes_in = 0, bytes_out = 0;  // from and to the host

  friend bool operator==(const CountedWork&, const CountedWork&) = default;
};

struct StepWork {
  std::int64_t kernels = 0;                        // of the plan; each is a launch or more
  std::int64_t bytes_read = 0, bytes_written = 0;  // by them, from the sizes of their tensors
  std::int64_t bytes_in = 0, bytes_out = 0;        // inputs from the host, readings to it
  std::int64_t arena_bytes = 0;
  std::int64_t workspace_bytes = 0;  // the largest kernel's, in the arena
  std::optional<CountedWork> counted;
  std::string not_counted;  // why
};

StepWork work_of(const Plan& plan);

// Runs the step some times on inputs of zeros, with its readings read late as in a run. REQUIRES:
// an executor on the emulated device, whose values nobody needs.
CountedWork count_work(Executor& executor);

}  // namespace temper::training
