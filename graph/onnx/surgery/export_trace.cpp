#include "graph/onnx/surgery/export_trace.h"

#include <onnx.pb.h>

#include "runtime/base/number_text.h"
#include "runtime/base/text_bytes.h"

namespace temper::graph {
namespace {

bool is_word(char c) {
  return is_ascii_alphanumeric(c) || c == '_' || c == '.' || c == '-' || c == '+';
}

}  // namespace

TracedCall traced_call(const FlatNode& node) {
  TracedCall call;
  const std::string* text = nullptr;
  for (const auto& entry : node.source->metadata_props()) {
    if (entry.key() == "pkg.torch.onnx.fx_node") {
      text = &entry.value();
    }
  }
  if (text == nullptr) {
    return call;
  }
  constexpr std::string_view kTarget = "target=", kArgs = "args = (";
  const std::size_t target = text->find(kTarget);
  const std::size_t args = text->find(kArgs);
  if (target == std::string::npos || args == std::string::npos) {
    return call;
  }
  const std::size_t name = target + kTarget.size();
  call.target = text->substr(name, text->find(']', name) - name);
  for (std::size_t at = args + kArgs.size(); at < text->size();) {
    std::size_t end = at;
    while (end < text->size() && is_word((*text)[end])) {
      ++end;
    }
    const std::string_view word = std::string_view(*text).substr(at, end - at);
    const bool is_value = at > 0 && (*text)[at - 1] == '%';
    if (word == "kwargs") {
      break;
    }
    if (is_value && (word.starts_with("p_") || word.starts_with("b_"))) {
      call.parameters.emplace_back(word);
    } else if (!is_value && !word.empty()) {
      if (const auto number = read_number(word)) {
        call.last_number = number;
      }
    }
    at = end + 1;
  }
  return call;
}

std::string module_path(const FlatNode& node) {
  if (!node.scope.empty()) {
    return node.scope;
  }
  std::vector<std::string> parts;
  std::size_t at = 1;
  for (std::size_t slash = node.name.find('/', 1);
       node.name.starts_with('/') && slash != std::string::npos; slash = node.name.find('/', at)) {
    std::string part = node.name.substr(at, slash - at);
    at = slash + 1;
    // "layer1" and "layer1.0" are one way down; the second call of a module has a number behind it.
    if (!parts.empty() && part.starts_with(parts.back() + ".")) {
      parts.pop_back();
    }
    parts.push_back(std::move(part));
  }
  std::string path;
  for (const std::string& part : parts) {
    path += (path.empty() ? "" : ".") + part;
  }
  return path;
}

}  // namespace temper::graph
