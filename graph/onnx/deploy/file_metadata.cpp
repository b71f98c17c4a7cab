#include "graph/onnx/deploy/file_metadata.h"

#include <onnx.pb.h>

#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

class Stripper {
 public:
  int count() const { return count_; }

  template <class Message>
  void strip(Message& message) {
    count_ += message.doc_string().empty() ? 0 : 1;
    count_ += message.metadata_props_size();
    message.clear_doc_string();
    message.clear_metadata_props();
  }

  void strip_nodes(google::protobuf::RepeatedPtrField<wire::NodeProto>& nodes) {
    for (auto& node : nodes) {
      strip(node);
      for (auto& attribute : *node.mutable_attribute()) {
        count_ += attribute.doc_string().empty() ? 0 : 1;
        attribute.clear_doc_string();
        if (attribute.has_t()) {
          strip(*attribute.mutable_t());
        }
        if (attribute.has_g()) {
          strip_graph(*attribute.mutable_g());
        }
      }
    }
  }

  // Files nest no deeper than they are parsed.
  void strip_graph(wire::GraphProto& graph) {
    strip(graph);
    strip_nodes(*graph.mutable_node());
    for (auto& tensor : *graph.mutable_initializer()) {
      strip(tensor);
    }
    for (auto* infos :
         {graph.mutable_input(), graph.mutable_output(), graph.mutable_value_info()}) {
      for (auto& info : *infos) {
        strip(info);
      }
    }
  }

 private:
  int count_ = 0;
};

}  // namespace

void set_metadata(ModelEdit& edit, const std::string& key, const std::string& value) {
  auto& entries = *edit.proto().mutable_metadata_props();
  for (int i = entries.size(); i-- > 0;) {
    if (entries.Get(i).key() == key) {
      entries.DeleteSubrange(i, 1);
    }
  }
  if (!value.empty()) {
    auto& entry = *entries.Add();
    entry.set_key(key);
    entry.set_value(value);
  }
}

void strip_metadata(ModelEdit& edit, const NameTest& keep) {
  wire::ModelProto& model = edit.proto();
  Stripper stripper;
  stripper.strip_graph(*model.mutable_graph());
  for (auto& function : *model.mutable_functions()) {
    stripper.strip(function);
    stripper.strip_nodes(*function.mutable_node());
    for (auto& info : *function.mutable_value_info()) {
      stripper.strip(info);
    }
  }
  int count = stripper.count() + (model.doc_string().empty() ? 0 : 1);
  model.clear_doc_string();
  auto& entries = *model.mutable_metadata_props();
  for (int i = entries.size(); i-- > 0;) {
    if (!keep(entries.Get(i).key())) {
      entries.DeleteSubrange(i, 1);
      ++count;
    }
  }
  edit.note(concat("--strip-metadata: ", count, " texts and entries are gone"));
}

}  // namespace temper::graph
