#include "graph/onnx/deploy/ports.h"

#include <set>

#include <onnx.pb.h>

#include "runtime/base/error.h"

namespace temper::graph {
namespace {

std::vector<std::string> ports_of(ModelEdit& edit) {
  std::vector<std::string> names;
  for (auto* list : {edit.graph().mutable_input(), edit.graph().mutable_output()}) {
    for (const auto& port : *list) {
      if (edit.find_tensor(port.name()) == nullptr) {
        names.push_back(port.name());
      }
    }
  }
  return names;
}

}  // namespace

void rename_ports(ModelEdit& edit, const std::vector<std::pair<std::string, std::string>>& names) {
  const std::vector<std::string> all = ports_of(edit);
  const std::set<std::string> ports(all.begin(), all.end());
  // Under names of their own first: two may change places.
  std::vector<std::pair<std::string, std::string>> second;
  for (const auto& [from, to] : names) {
    TEMPER_CHECK(ports.contains(from), ErrorCode::kInvalidArgument, "--rename names '", from,
                 "', and the model's inputs and outputs are ", join(all, ", "));
    const std::string between = edit.unique(from + "_renamed");
    edit.rename(from, between);
    second.emplace_back(between, to);
  }
  for (const auto& [between, to] : second) {
    TEMPER_CHECK(edit.unique(to) == to, ErrorCode::kInvalidArgument, "--rename gives the name '",
                 to, "', which something else in the model has");
    edit.rename(between, to);
  }
  for (const auto& [from, to] : names) {
    edit.note(concat("--rename: '", from, "' is '", to, "'"));
  }
}

}  // namespace temper::graph
