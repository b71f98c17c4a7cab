#include "tools/cli/command.h"

#include <charconv>
#include <cstdio>

#include "runtime/base/error.h"

namespace temper::cli {

const std::string& Arguments::positional(std::size_t index) const {
  static const std::string kNone;
  return index < positionals_.size() ? positionals_[index] : kNone;
}

std::string Arguments::text(std::string_view option, std::string_view fallback) const {
  const auto found = options_.find(option);
  return found == options_.end() ? std::string(fallback) : found->second;
}

std::int64_t Arguments::integer(std::string_view option, std::int64_t fallback,
                                std::int64_t least) const {
  const auto found = options_.find(option);
  if (found == options_.end()) {
    return fallback;
  }
  const std::string& typed = found->second;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(typed.data(), typed.data() + typed.size(), value);
  TEMPER_CHECK(error == std::errc() && end == typed.data() + typed.size() && value >= least,
               ErrorCode::kInvalidArgument, option, " takes a whole number of at least ", least,
               ", not '", typed, "'");
  return value;
}

void print_notes(const std::vector<std::string>& notes) {
  for (const std::string& note : notes) {
    std::fprintf(stderr, "%s\n", note.c_str());
  }
}

}  // namespace temper::cli
