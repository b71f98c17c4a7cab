// This process and its surroundings: environment variables, number, host, peak memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace temper {

std::optional<std::string> environment(const std::string& name);
// All variables whose names begin with `prefix`, sorted by name.
std::vector<std::pair<std::string, std::string>> environment_with_prefix(std::string_view prefix);

int process_id();
std::string host_name();
// Wall time since the system started this process; in steps of 10 ms. 0 where /proc does not say.
double seconds_since_process_start();
// Memory that is resident now. 0 where /proc does not say.
std::int64_t resident_bytes();
// The most memory that was resident at any moment so far.
std::int64_t peak_resident_bytes();

}  // namespace temper
