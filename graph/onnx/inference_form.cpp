#include "graph/onnx/inference_form.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include <onnx.pb.h>

#include "graph/onnx/model_file.h"
#include "graph/onnx/tensor_codec.h"

namespace temper::graph {
namespace {

// Until this opset a BatchNormalization is in training form when it gives statistics.
constexpr std::int64_t kTrainingModeSince = 14;
constexpr std::int64_t kDropoutModeSince = 12;
constexpr int kIntAttribute = 2;  // AttributeProto.AttributeType.INT

using Nodes = google::protobuf::RepeatedPtrField<wire::NodeProto>;

template <class Imports>
std::int64_t default_opset(const Imports& imports, std::int64_t otherwise) {
  for (const auto& import : imports) {
    if (normal_domain(import.domain()).empty()) {
      return import.version();
    }
  }
  return otherwise;
}

// The nodes of the main graph or of a function.
class NodeList {
 public:
  NodeList(Nodes& nodes, std::int64_t opset, std::set<std::string> outputs)
      : nodes_(nodes), opset_(opset), read_(std::move(outputs)) {
    for (const wire::NodeProto& node : nodes) {
      read_.insert(node.input().begin(), node.input().end());
    }
  }

  // The file's tensors, to tell a training_mode that is false.
  void know(const std::string& name, const wire::TensorProto& tensor) {
    tensors_.emplace(name, &tensor);
  }

  // Names of tensors that only a node's training form asked for.
  const std::set<std::string>& released() const { return released_; }
  const std::set<std::string>& gone() const { return gone_; }

  bool run() {
    for (const wire::NodeProto& node : nodes_) {
      if (node.op_type() == "Constant" && node.output_size() == 1) {
        for (const auto& attribute : node.attribute()) {
          if (attribute.has_t()) {
            know(node.output(0), attribute.t());
          }
        }
      }
    }
    const bool any = std::any_of(nodes_.begin(), nodes_.end(), [&](const wire::NodeProto& node) {
      return trains_batch_norm(node) || trains_dropout(node);
    });
    if (any) {
      rewrite();
    }
    return any;
  }

 private:
  static const wire::AttributeProto* find(const wire::NodeProto& node, const char* name) {
    for (const auto& attribute : node.attribute()) {
      if (attribute.name() == name) {
        return &attribute;
      }
    }
    return nullptr;
  }

  bool trains_batch_norm(const wire::NodeProto& node) const {
    if (node.op_type() != "BatchNormalization" || !normal_domain(node.domain()).empty() ||
        node.input_size() < 5) {
      return false;
    }
    if (opset_ < kTrainingModeSince) {
      return node.output_size() > 1 &&
             std::any_of(node.output().begin() + 1, node.output().end(),
                         [](const std::string& output) { return !output.empty(); });
    }
    const wire::AttributeProto* mode = find(node, "training_mode");
    return mode != nullptr && (mode->i() != 0 || !mode->ref_attr_name().empty());
  }

  bool trains_dropout(const wire::NodeProto& node) const {
    if (node.op_type() != "Dropout" || !normal_domain(node.domain()).empty() ||
        opset_ < kDropoutModeSince || node.input_size() < 3 || node.input(2).empty()) {
      return false;
    }
    const auto mode = tensors_.find(node.input(2));
    return mode == tensors_.end() || !unsupported_reason(*mode->second).empty() ||
           mode->second->data_location() == 1 || mode->second->has_held_at() ||
           decode_tensor(*mode->second, tensor_label(node.input(2)), nullptr).values<double>() !=
               std::vector<double>{0};
  }

  void rewrite() {
    Nodes made;
    for (wire::NodeProto& node : nodes_) {
      wire::NodeProto& at = *made.Add();
      at.Swap(&node);
      if (trains_batch_norm(at)) {
        freeze(at, made);
      } else if (trains_dropout(at)) {
        released_.insert(at.input(2));
        at.mutable_input()->RemoveLast();
        while (at.input_size() > 1 && at.input(at.input_size() - 1).empty()) {
          at.mutable_input()->RemoveLast();
        }
      }
    }
    nodes_.Swap(&made);
    for (const wire::NodeProto& node : nodes_) {
      for (const std::string& input : node.input()) {
        released_.erase(input);
      }
    }
  }

  void freeze(wire::NodeProto& node, Nodes& made) {
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.name() == "training_mode") {
        attribute.clear_ref_attr_name();
        attribute.set_i(0);
        attribute.set_type(kIntAttribute);
      }
    }
    for (int i = 1; i < node.output_size(); ++i) {
      const std::string& output = node.output(i);
      if (read_.contains(output) && !output.empty()) {
        wire::NodeProto& copy = *made.Add();
        copy.set_op_type("Identity");
        copy.set_name(output);
        *copy.add_input() = node.input(i % 2 == 1 ? 3 : 4);
        *copy.add_output() = output;
      } else {
        gone_.insert(output);
      }
    }
    while (node.output_size() > 1) {
      node.mutable_output()->RemoveLast();
    }
  }

  Nodes& nodes_;
  std::int64_t opset_;
  std::set<std::string> read_;
  std::map<std::string, const wire::TensorProto*> tensors_;
  std::set<std::string> released_;
  std::set<std::string> gone_;
};

template <class List, class NameOf>
void remove_named(List& list, const std::set<std::string>& names, NameOf name_of) {
  for (int i = list.size(); i-- > 0;) {
    if (names.contains(name_of(list.Get(i)))) {
      list.DeleteSubrange(i, 1);
    }
  }
}

void rewrite_graph(wire::GraphProto& graph, std::int64_t opset) {
  std::set<std::string> outputs;
  for (const auto& output : graph.output()) {
    outputs.insert(output.name());
  }
  NodeList body(*graph.mutable_node(), opset, outputs);
  for (const auto& tensor : graph.initializer()) {
    body.know(tensor.name(), tensor);
  }
  if (!body.run()) {
    return;
  }
  const auto name = [](const auto& named) { return named.name(); };
  std::set<std::string> released = body.released();
  for (const std::string& output : outputs) {
    released.erase(output);
  }
  // An initializer that nothing reads makes onnxruntime complain.
  for (const auto& tensor : graph.initializer()) {
    if (released.contains(tensor.name())) {
      remove_named(*graph.mutable_input(), {tensor.name()}, name);
    }
  }
  remove_named(*graph.mutable_initializer(), released, name);
  remove_named(*graph.mutable_node(), released, [](const wire::NodeProto& node) {
    return node.op_type() == "Constant" && node.output_size() == 1 ? node.output(0) : "";
  });
  remove_named(*graph.mutable_value_info(), body.gone(), name);
}

}  // namespace

void to_inference_form(wire::ModelProto& model) {
  const std::int64_t opset = default_opset(model.opset_import(), 0);
  rewrite_graph(*model.mutable_graph(), opset);
  for (auto& function : *model.mutable_functions()) {
    NodeList(*function.mutable_node(), default_opset(function.opset_import(), opset),
             {function.output().begin(), function.output().end()})
        .run();
  }
}

}  // namespace temper::graph
