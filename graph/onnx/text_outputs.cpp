#include "graph/onnx/text_outputs.h"

#include <algorithm>

#include <onnx.pb.h>

namespace temper::graph {
namespace {

constexpr std::int32_t kString = 8;  // TensorProto.DataType

using Names = std::unordered_set<std::string>;

// What is computed, or stored, for the values named, beside them.
void add_all_before(const FlatGraph& flat, Names& names) {
  for (std::size_t i = flat.nodes.size(); i-- > 0;) {  // readers stand behind
    const FlatNode& node = flat.nodes[i];
    if (std::any_of(node.outputs.begin(), node.outputs.end(),
                    [&](const std::string& output) { return names.contains(output); })) {
      flat.for_each_read(node, [&](const std::string& name) { names.insert(name); });
    }
  }
  names.erase("");
}

// Tensors of texts that nodes read, and what is made of them: also where no output is left that
// would ask for it.
void add_all_made_of_texts(const FlatGraph& flat, Names& names) {
  Names made, read;
  for (const auto& [name, tensor] : flat.initializers) {
    if (tensor->data_type() == kString) {
      made.insert(name);
    }
  }
  for (const FlatNode& node : flat.nodes) {
    bool is_text = false;
    for (const std::string& input : node.inputs) {
      if (made.contains(input)) {
        is_text = true;
        read.insert(input);
      }
    }
    if (is_text) {
      made.insert(node.outputs.begin(), node.outputs.end());
      read.insert(node.outputs.begin(), node.outputs.end());
    }
  }
  read.erase("");
  names.merge(read);
}

}  // namespace

std::unordered_set<std::string> only_for_texts(const wire::ModelProto& model,
                                               const FlatGraph& flat) {
  Names texts, numbers;
  for (const auto& output : model.graph().output()) {
    const bool is_text = output.type().tensor_type().elem_type() == kString;
    (is_text ? texts : numbers).insert(output.name());
  }
  if (numbers.empty()) {
    return {};
  }
  add_all_before(flat, texts);
  add_all_made_of_texts(flat, texts);
  add_all_before(flat, numbers);
  std::erase_if(texts, [&](const std::string& name) { return numbers.contains(name); });
  return texts;
}

}  // namespace temper::graph
