#include "graph/onnx/class_names.h"

#include <string_view>

namespace temper::graph {
namespace {

// The quoted words of a list or dictionary that are no keys.
std::vector<std::string> quoted_values(std::string_view text) {
  std::vector<std::string> values;
  for (std::size_t at = text.find_first_of("'\""); at != std::string_view::npos;
       at = text.find_first_of("'\"", at)) {
    const std::size_t end = text.find(text[at], at + 1);
    if (end == std::string_view::npos) {
      break;
    }
    const std::size_t next = text.find_first_not_of(' ', end + 1);
    if (next == std::string_view::npos || text[next] != ':') {
      values.emplace_back(text.substr(at + 1, end - at - 1));
    }
    at = end + 1;
  }
  return values;
}

}  // namespace

std::vector<std::string> class_names(
    const std::vector<std::pair<std::string, std::string>>& metadata) {
  for (const std::string_view wanted :
       {"temper.classes", "names", "classes", "labels", "id2label"}) {
    for (const auto& [key, value] : metadata) {
      if (key == wanted) {
        return quoted_values(value);
      }
    }
  }
  return {};
}

}  // namespace temper::graph
