// What is asked of one node of the flat list.
#include <onnx.pb.h>

#include "graph/onnx/flatten.h"
#include "runtime/base/concat.h"

namespace temper::graph {

std::string normal_domain(const std::string& domain) {
  return domain == "ai.onnx" ? std::string() : domain;
}

// "['', 'layer1', 'layer1.0', 'conv2d']": the last is the operation, the one before it the module.
std::string module_scope(const wire::NodeProto& node) {
  for (const auto& entry : node.metadata_props()) {
    if (entry.key() != "pkg.torch.onnx.name_scopes") {
      continue;
    }
    std::vector<std::string> parts;
    const std::string& text = entry.value();
    for (std::size_t at = text.find('\''); at != std::string::npos; at = text.find('\'', at)) {
      const std::size_t end = text.find('\'', at + 1);
      if (end == std::string::npos) {
        break;
      }
      parts.push_back(text.substr(at + 1, end - at - 1));
      at = end + 1;
    }
    const std::string scope = parts.size() < 2 ? "" : parts[parts.size() - 2];
    return scope.starts_with("_empty_nn_module") ? "" : scope;
  }
  return {};
}

const wire::AttributeProto* FlatNode::find(const char* attribute) const {
  for (const FlatAttribute& candidate : attributes) {
    if (candidate.name == attribute) {
      return candidate.value;
    }
  }
  return nullptr;
}

std::string FlatNode::label() const {
  constexpr std::size_t kShown = 100;  // labels are copied often; a hostile name may have megabytes
  const std::string shown_op = op.substr(0, kShown);
  if (!name.empty()) {
    return concat(shown_op, " '", name.substr(0, kShown), "'");
  }
  for (const std::string& output : outputs) {
    if (!output.empty()) {
      return concat(shown_op, " (output '", output.substr(0, kShown), "')");
    }
  }
  return shown_op;
}

}  // namespace temper::graph
