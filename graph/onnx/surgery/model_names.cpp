// The names of a model under change, those inside of bodies (of If, Loop, Scan) among them.
#include <functional>

#include <onnx.pb.h>

#include "graph/onnx/surgery/model_edit.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

// Bodies read the values of the graphs around them by name. Files nest no deeper than they are
// parsed.
void rename_in_nodes(wire::GraphProto& graph, const std::function<void(std::string*)>& change) {
  for (auto& node : *graph.mutable_node()) {
    for (auto& input : *node.mutable_input()) {
      change(&input);
    }
    for (auto& output : *node.mutable_output()) {
      change(&output);
    }
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) {
        rename_in_nodes(*attribute.mutable_g(), change);
        for (auto& output : *attribute.mutable_g()->mutable_output()) {
          change(output.mutable_name());
        }
      }
    }
  }
}

}  // namespace

void ModelEdit::take_names(const wire::GraphProto& graph) {
  for (const auto& tensor : graph.initializer()) {
    names_.insert(tensor.name());
  }
  for (const auto& input : graph.input()) {
    names_.insert(input.name());
  }
  for (const auto& node : graph.node()) {
    names_.insert(node.name());
    names_.insert(node.output().begin(), node.output().end());
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) {
        take_names(attribute.g());
      }
    }
  }
}

std::string ModelEdit::unique(const std::string& name) {
  std::string made = name;
  for (int number = 2; names_.contains(made); ++number) {
    made = concat(name, "_", number);
  }
  names_.insert(made);
  return made;
}

void ModelEdit::rename(const std::string& from, const std::string& to) {
  tensors_.clear();
  const auto change = [&](std::string* name) {
    if (*name == from) {
      *name = to;
    }
  };
  rename_in_nodes(graph(), change);
  for (auto& tensor : *graph().mutable_initializer()) {
    if (tensor.name() == from) {
      tensor.set_name(to);
    }
  }
  const auto change_all = [&](auto& list) {
    for (auto& one : list) {
      if (one.name() == from) {
        one.set_name(to);
      }
    }
  };
  change_all(*graph().mutable_input());
  change_all(*graph().mutable_output());
  change_all(*graph().mutable_value_info());
  for (auto& annotation : *graph().mutable_quantization_annotation()) {
    change(annotation.mutable_tensor_name());
  }
  names_.erase(from);
  names_.insert(to);
}

void ModelEdit::forget_shape(const std::string& value) {
  auto& infos = *graph().mutable_value_info();
  for (int i = infos.size(); i-- > 0;) {
    if (infos.Get(i).name() == value) {
      infos.DeleteSubrange(i, 1);
    }
  }
}

wire::ValueInfoProto* ModelEdit::find_value_info(const std::string& value) {
  for (auto* list :
       {graph().mutable_input(), graph().mutable_output(), graph().mutable_value_info()}) {
    for (auto& info : *list) {
      if (info.name() == value) {
        return &info;
      }
    }
  }
  return nullptr;
}

}  // namespace temper::graph
