// Lengths of time as people write them.
#pragma once

#include <optional>
#include <string_view>

namespace temper::training {

// "45 s", "90 min", "1.5 h", "2 d" or "1:30:00" (hours, minutes, seconds) in seconds; nothing where
// it is none of these.
std::optional<double> parse_duration(std::string_view text);

}  // namespace temper::training
