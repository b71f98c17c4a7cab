// What is asked of one node of the flat list.
#include <onnx.pb.h>

#include "graph/onnx/flatten.h"
#include "runtime/base/concat.h"

namespace temper::graph {

std::string normal_domain(const std::string& domain) {
  return domain == "ai.onnx" ? std::string() : domain;
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
