#include "graph/onnx/deploy/inner_outputs.h"

#include <set>
#include <string>

#include <onnx.pb.h>

namespace temper::graph {

void make_values_outputs(ModelEdit& edit) {
  std::set<std::string> outputs;
  for (const auto& output : edit.graph().output()) {
    outputs.insert(output.name());
  }
  for (const auto& node : edit.graph().node()) {
    const std::string& op = node.op_type();
    if (op.starts_with("Sequence") || op.starts_with("Optional") || op == "SplitToSequence") {
      continue;
    }
    for (const std::string& name : node.output()) {
      if (!name.empty() && outputs.insert(name).second) {
        edit.graph().add_output()->set_name(name);
      }
    }
  }
}

}  // namespace temper::graph
