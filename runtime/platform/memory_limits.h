// How much memory this process may still take: what the machine has free, what its control group
// (container, batch job) allows, and what `ulimit -v` allows.
#pragma once

#include <cstdint>
#include <string>

namespace temper {

struct MemoryLimits {
  static constexpr std::int64_t kNoLimit = INT64_MAX;

  std::int64_t machine_bytes = kNoLimit;        // MemAvailable of /proc/meminfo
  std::int64_t control_group_bytes = kNoLimit;  // limit minus use, the tightest on the way up
  std::int64_t address_space_bytes = kNoLimit;  // RLIMIT_AS minus what is mapped

  std::int64_t smallest() const;
  // Names the smallest one: "free memory of the machine", "the control group's limit", ...
  const char* smallest_name() const;
};

MemoryLimits memory_limits();

// The parts that read files, below another root folder (for tests). A missing file is no limit.
std::int64_t available_machine_bytes(const std::string& root);
std::int64_t available_control_group_bytes(const std::string& root);

}  // namespace temper
