// Which files are read, and the version of the library that does.
#pragma once

#include <cstdint>
#include <string>

namespace temper::graph {

// The opsets of the default domain that are read.
inline constexpr std::int64_t kOldestOpset = 7;
inline constexpr std::int64_t kNewestOpset = 28;

// "3.21.12".
std::string protobuf_version();

}  // namespace temper::graph
