// Time: a steady clock for measuring, and the calendar for file names and logs.
#pragma once

#include <cstdint>
#include <string>

namespace temper {

// Never runs backwards; only differences mean anything.
double steady_seconds();
// Since 1970, UTC.
double unix_seconds();
// "2026-03-14T15:09:26Z".
std::string utc_text(std::int64_t unix_seconds);

}  // namespace temper
