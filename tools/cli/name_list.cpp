#include "tools/cli/name_list.h"

#include <algorithm>

#include "training/settings/name_pattern.h"

namespace temper::cli {

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin <= text.size() && !text.empty()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

graph::NameTest name_test(const Arguments& arguments, const char* option) {
  if (!arguments.has(option)) {
    return {};
  }
  return [patterns = split_list(arguments.text(option))](std::string_view name) {
    return training::is_chosen(patterns, name);
  };
}

}  // namespace temper::cli
