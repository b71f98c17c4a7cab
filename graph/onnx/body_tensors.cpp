#include "graph/onnx/body_tensors.h"

#include <unordered_set>

#include <onnx.pb.h>

namespace temper::graph {

BodyTensors find_body_tensors(wire::ModelProto& model) {
  BodyTensors found;
  const FlatGraph flat = flatten(model, model.ByteSizeLong());
  std::unordered_set<const void*> seen;  // a function's, once for all calls
  // The flat list points into `model`, which is ours to change.
  for (const auto& [name, tensor] : flat.initializers) {
    if (flat.body_of_given.contains(name) && seen.insert(tensor).second) {
      found.initializers.emplace_back(flat.shared.contains(name) ? std::string() : name,
                                      const_cast<wire::TensorProto*>(tensor));
    }
  }
  for (const FlatNode& node : flat.nodes) {
    if (node.body >= 0 && node.op == "Constant" && node.domain.empty() &&
        node.outputs.size() == 1 && seen.insert(node.source).second) {
      found.constants.emplace_back(node.inlined ? std::string() : node.outputs[0],
                                   const_cast<wire::NodeProto*>(node.source));
    }
  }
  return found;
}

}  // namespace temper::graph
