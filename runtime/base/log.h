// Messages for people, sent to one sink that the application sets (the library itself never
// prints). Threading: log() may be called from any thread; set_log_sink() before other threads
// start.
#pragma once

#include <functional>
#include <string_view>

namespace temper {

enum class LogLevel { kDebug, kInfo, kWarning };

using LogSink = std::function<void(LogLevel, std::string_view)>;

// Without a sink (the default) messages are dropped.
void set_log_sink(LogSink sink);
void log(LogLevel level, std::string_view message);

}  // namespace temper
