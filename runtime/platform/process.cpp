#include "runtime/platform/process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "runtime/base/number_text.h"

namespace temper {
namespace {

// The first word of `text`, which loses it.
std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

}  // namespace

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::vector<std::pair<std::string, std::string>> environment_with_prefix(std::string_view prefix) {
  std::vector<std::pair<std::string, std::string>> found;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (text.starts_with(prefix) && equals != std::string_view::npos && equals >= prefix.size()) {
      found.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

int process_id() { return static_cast<int>(::getpid()); }

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') {
    return "localhost";
  }
  return name.data();
}

double seconds_since_process_start() {
  std::ifstream stat("/proc/self/stat");
  std::ifstream uptime("/proc/uptime");
  std::string text;
  std::string since_boot;
  if (!std::getline(stat, text) || !std::getline(uptime, since_boot)) {
    return 0;
  }
  // The second field is the program's name in parentheses, which may hold spaces; the start is
  // field 22, in ticks since boot.
  constexpr int kFieldsToSkip = 19;
  std::string_view fields = std::string_view(text).substr(text.rfind(')') + 1);
  for (int i = 0; i < kFieldsToSkip; ++i) {
    take_word(fields);
  }
  std::string_view uptimes = since_boot;
  const std::optional<double> now = read_number(take_word(uptimes));
  const std::optional<double> ticks = read_number(take_word(fields));
  return now && ticks ? *now - *ticks / static_cast<double>(::sysconf(_SC_CLK_TCK)) : 0;
}

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::string text;
  if (!std::getline(statm, text)) {
    return 0;
  }
  std::string_view fields = text;
  take_word(fields);  // the size of the address space
  const std::optional<double> pages = read_number(take_word(fields));
  return pages ? static_cast<std::int64_t>(*pages) * ::sysconf(_SC_PAGESIZE) : 0;
}

std::int64_t peak_resident_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace temper
