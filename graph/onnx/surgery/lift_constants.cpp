#include "graph/onnx/surgery/lift_constants.h"

#include <onnx.pb.h>

#include "graph/onnx/tensor_uses.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

bool is_weight(const std::unordered_map<std::string, TensorUse>& uses, const std::string& name) {
  const auto use = uses.find(name);
  return use != uses.end() &&
         !(use->second.weight + use->second.scale + use->second.bias + use->second.statistic)
              .empty();
}

}  // namespace

std::vector<std::string> weights_of_layers(ModelEdit& edit) {
  const FlatGraph flat = edit.flat();
  const auto uses = find_tensor_uses(flat);
  std::vector<std::string> names;
  for (const auto& [name, tensor] : flat.initializers) {
    if (is_float(graph_dtype(tensor->data_type())) && is_weight(uses, name)) {
      names.push_back(name);
    }
  }
  return names;
}

std::vector<std::string> weights_in_constants(ModelEdit& edit) {
  const FlatGraph flat = edit.flat();
  const auto uses = find_tensor_uses(flat);
  std::vector<std::string> names;
  for (const FlatNode& node : flat.nodes) {
    const wire::TensorProto* tensor = node.inlined ? nullptr : constant_tensor(node);
    if (tensor == nullptr || !is_float(graph_dtype(tensor->data_type())) ||
        tensor->dims_size() == 0) {
      continue;
    }
    if (is_weight(uses, node.outputs[0])) {
      names.push_back(node.outputs[0]);
    }
  }
  return names;
}

void lift_constants(ModelEdit& edit) {
  const std::vector<std::string> names = weights_in_constants(edit);
  for (const std::string& name : names) {
    for (const auto& node : edit.graph().node()) {
      if (node.output_size() == 1 && node.output(0) == name) {
        wire::TensorProto tensor = *edit.find_tensor(name);
        tensor.set_name(name);
        edit.remove_node(node);
        edit.add_tensor(std::move(tensor));
        break;
      }
    }
  }
  edit.note(concat("--lift-constants: ", names.size(), " weights were in Constant nodes"));
}

}  // namespace temper::graph
