#include "runtime/platform/memory_limits.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"

namespace temper {
namespace {

constexpr std::uint64_t kMaxSystemFile = 1 << 20;

std::string read_or_empty(const std::string& path) {
  try {
    return file_status(path).exists ? read_text_file(path, kMaxSystemFile) : std::string();
  } catch (const Error&) {
    return {};  // not readable here: as if there were no limit
  }
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) {
    return std::nullopt;
  }
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data() + begin, text.data() + text.size(), value);
  return result.ec == std::errc{} ? std::optional(value) : std::nullopt;
}

// The number after `key` at the start of a line.
std::optional<std::int64_t> number_after(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (line.starts_with(key)) {
      return parse_number(line.substr(key.size()));
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return std::nullopt;
}

struct GroupFiles {
  const char* mount;
  const char* limit;
  const char* use;
  const char* cache;  // the line of memory.stat that the kernel gives back under pressure
};

// The tightest of the limits of the group and all groups above it.
std::int64_t tightest(const std::string& root, std::string group, const GroupFiles& files) {
  std::int64_t smallest = MemoryLimits::kNoLimit;
  while (true) {
    const std::string folder = root + files.mount + group + (group.ends_with('/') ? "" : "/");
    const auto limit = parse_number(read_or_empty(folder + files.limit));  // "max" is no number
    const auto use = parse_number(read_or_empty(folder + files.use));
    if (limit && use) {
      const auto cache = number_after(read_or_empty(folder + "memory.stat"), files.cache);
      const std::int64_t held = std::max<std::int64_t>(0, *use - cache.value_or(0));
      smallest = std::min(smallest, std::max<std::int64_t>(0, *limit - held));
    }
    if (group.empty() || group == "/") {
      return smallest;
    }
    group.resize(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
  }
}

std::int64_t available_address_space() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return MemoryLimits::kNoLimit;
  }
  const std::int64_t mapped =
      parse_number(read_or_empty("/proc/self/statm")).value_or(0) * ::sysconf(_SC_PAGESIZE);
  return std::max<std::int64_t>(0, static_cast<std::int64_t>(limit.rlim_cur) - mapped);
}

}  // namespace

std::int64_t available_machine_bytes(const std::string& root) {
  const auto kilobytes = number_after(read_or_empty(root + "/proc/meminfo"), "MemAvailable:");
  return kilobytes ? *kilobytes * 1024 : MemoryLimits::kNoLimit;
}

std::int64_t available_control_group_bytes(const std::string& root) {
  const std::string groups = read_or_empty(root + "/proc/self/cgroup");
  std::int64_t smallest = MemoryLimits::kNoLimit;
  std::string_view rest = groups;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    const std::size_t path = line.find(":/");
    if (path == std::string_view::npos) {
      continue;
    }
    const std::string group(line.substr(path + 1));
    if (line.starts_with("0::")) {  // version 2: one hierarchy
      const GroupFiles files{"/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file "};
      smallest = std::min(smallest, tightest(root, group, files));
    } else if (line.substr(0, path).ends_with(":memory")) {  // version 1
      const GroupFiles files{"/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                             "memory.usage_in_bytes", "total_inactive_file "};
      smallest = std::min(smallest, tightest(root, group, files));
    }
  }
  return smallest;
}

MemoryLimits memory_limits() {
  MemoryLimits limits;
  limits.machine_bytes = available_machine_bytes("");
  limits.control_group_bytes = available_control_group_bytes("");
  limits.address_space_bytes = available_address_space();
  return limits;
}

std::int64_t MemoryLimits::smallest() const {
  return std::min({machine_bytes, control_group_bytes, address_space_bytes});
}

const char* MemoryLimits::smallest_name() const {
  const std::int64_t bytes = smallest();
  if (bytes == kNoLimit) {
    return "no known limit";
  }
  if (bytes == address_space_bytes) {
    return "the address space limit of this process (ulimit -v)";
  }
  return bytes == control_group_bytes ? "the memory limit of the control group (container or job)"
                                      : "the free memory of the machine";
}

}  // namespace temper
