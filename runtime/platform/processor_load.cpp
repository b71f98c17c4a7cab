#include "runtime/platform/processor_load.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/platform/clock.h"
#include "runtime/platform/files.h"
#include "runtime/platform/threads.h"

namespace temper {
namespace {

constexpr std::size_t kMostBytes = 4 << 20;  // a line for each processor and interrupt

std::string stat_text() {
  try {
    return read_text_file("/proc/stat", kMostBytes);
  } catch (const Error&) {
    return {};
  }
}

// The numbers behind "cpu7 ": user, nice, system, idle, iowait, irq, softirq, steal, in ticks.
double busy_ticks(std::string_view numbers) {
  constexpr std::array<bool, 8> kCounts = {true, true, true, false, false, true, true, true};
  double ticks = 0;
  const char* at = numbers.data();
  const char* end = at + numbers.size();
  for (const bool counts : kCounts) {
    at = std::find_if(at, end, [](char c) { return c != ' '; });
    long long value = 0;
    at = std::from_chars(at, end, value).ptr;
    ticks += counts ? static_cast<double>(value) : 0;
  }
  return ticks;
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

ProcessUsage process_usage() {
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) != 0) {
    return {};
  }
  return {seconds_of(used.ru_utime) + seconds_of(used.ru_stime),
          static_cast<double>(used.ru_nivcsw)};
}

ProcessorTimes processor_times() {
  ProcessorTimes times;
  times.wall = steady_seconds();
  times.own = process_usage().seconds;
  const std::vector<int> allowed = allowed_processors();
  const auto ticks_per_second = static_cast<double>(std::max(1L, ::sysconf(_SC_CLK_TCK)));
  const std::string text = stat_text();
  std::string_view left = text;
  while (!left.empty()) {
    const std::string_view line = left.substr(0, left.find('\n'));
    left.remove_prefix(std::min(left.size(), line.size() + 1));
    int processor = -1;
    if (line.starts_with("cpu")) {  // the first such line, without a number, is the sum of all
      const auto read = std::from_chars(line.data() + 3, line.data() + line.size(), processor);
      if (read.ec == std::errc{} && std::binary_search(allowed.begin(), allowed.end(), processor)) {
        const auto start = static_cast<std::size_t>(read.ptr - line.data());
        times.busy += busy_ticks(line.substr(start)) / ticks_per_second;
      }
    }
  }
  return times;
}

double processors_used_elsewhere(const ProcessorTimes& before, const ProcessorTimes& after) {
  const double wall = after.wall - before.wall;
  if (wall <= 0 || after.busy <= before.busy) {
    return 0;
  }
  return std::max(0.0, (after.busy - before.busy) - (after.own - before.own)) / wall;
}

bool is_busy_elsewhere(double used, int processors) { return used > processors * 0.125; }

}  // namespace temper
