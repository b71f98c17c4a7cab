// The messages and what the edits share; names are looked for in the main graph, where an export
// has its layers.
#include "graph/onnx/surgery/model_edit.h"

#include <algorithm>

#include <onnx.pb.h>

#include "runtime/base/error.h"

namespace temper::graph {
namespace {

// Whether a body of If, Loop and the like reads the name. Files nest no deeper than they are
// parsed.
bool reads_inside(const wire::GraphProto& body, const std::string& name) {
  for (const auto& node : body.node()) {
    if (std::find(node.input().begin(), node.input().end(), name) != node.input().end()) {
      return true;
    }
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g() && reads_inside(attribute.g(), name)) {
        return true;
      }
    }
  }
  return std::any_of(body.output().begin(), body.output().end(),
                     [&](const auto& output) { return output.name() == name; });
}

int index_in(const wire::GraphProto& graph, const wire::NodeProto& node) {
  for (int i = 0; i < graph.node_size(); ++i) {
    if (&graph.node(i) == &node) {
      return i;
    }
  }
  TEMPER_ASSERT(false, node.name());
  return 0;
}

// Null: it is in none of them. Files nest no deeper than they are parsed.
wire::GraphProto* graph_with(wire::GraphProto& graph, const wire::NodeProto& node) {
  for (auto& one : *graph.mutable_node()) {
    if (&one == &node) {
      return &graph;
    }
  }
  for (auto& one : *graph.mutable_node()) {
    for (auto& attribute : *one.mutable_attribute()) {
      if (!attribute.has_g()) {
        continue;
      }
      if (wire::GraphProto* found = graph_with(*attribute.mutable_g(), node)) {
        return found;
      }
    }
  }
  return nullptr;
}

}  // namespace

ModelEdit::ModelEdit(const OnnxModel& model)
    : origin_(model), proto_(std::make_unique<wire::ModelProto>(*model.impl().proto)) {
  take_names(proto_->graph());
}

ModelEdit::~ModelEdit() = default;

wire::GraphProto& ModelEdit::graph() { return *proto_->mutable_graph(); }

std::int64_t ModelEdit::opset() const {
  for (const auto& import : proto_->opset_import()) {
    if (normal_domain(import.domain()).empty()) {
      return import.version();
    }
  }
  return 0;
}

OnnxModel ModelEdit::model() const {
  return OnnxModel::Impl::as_model(std::make_unique<OnnxModel::Impl>(
      origin_.impl(), std::make_unique<wire::ModelProto>(*proto_)));
}

FlatGraph ModelEdit::flat() const {
  FlatGraph flat = flatten(*proto_, proto_->ByteSizeLong());
  std::erase_if(flat.nodes, [](const FlatNode& node) { return node.body >= 0; });
  std::erase_if(flat.initializers,
                [&](const auto& one) { return flat.body_of_given.contains(one.first); });
  return flat;
}

wire::ModelProto& ModelEdit::proto() {
  tensors_.clear();
  return *proto_;
}

void ModelEdit::remove_unread(const std::set<std::string>& names) {
  tensors_.clear();
  std::set<std::string> gone;
  for (const std::string& name : names) {
    if (!name.empty() && reads_of(name) == 0) {
      gone.insert(name);
    }
  }
  const auto remove = [&](auto& list, const auto& is_gone) {
    for (int i = list.size(); i-- > 0;) {
      if (is_gone(list.Get(i))) {
        list.DeleteSubrange(i, 1);
      }
    }
  };
  const auto named = [&](const auto& one) { return gone.contains(one.name()); };
  // Files of old IR versions name an initializer among the inputs as well.
  std::set<std::string> stored;
  for (const auto& tensor : graph().initializer()) {
    stored.insert(tensor.name());
  }
  remove(*graph().mutable_input(),
         [&](const auto& input) { return named(input) && stored.contains(input.name()); });
  remove(*graph().mutable_initializer(), named);
  remove(*graph().mutable_node(), [&](const wire::NodeProto& node) {
    return node.output_size() == 1 && gone.contains(node.output(0)) && node.input_size() == 0;
  });
  remove(*graph().mutable_value_info(), named);
}

wire::NodeProto& ModelEdit::node_of(const FlatNode& node) {
  TEMPER_CHECK(!node.inlined, ErrorCode::kUnsupported, node.label(),
               " is in a function of the file; functions are not edited");
  return *graph().mutable_node(index_in(graph(), *node.source));
}

wire::GraphProto& ModelEdit::graph_of(const wire::NodeProto& node) {
  wire::GraphProto* found = graph_with(graph(), node);
  TEMPER_ASSERT(found != nullptr, node.name());
  return *found;
}

wire::NodeProto& ModelEdit::insert_at(const wire::NodeProto& place, int distance,
                                      const std::string& op, const std::vector<std::string>& inputs,
                                      const std::string& output) {
  wire::GraphProto& where = graph_of(place);
  const int index = index_in(where, place) + distance;
  auto& nodes = *where.mutable_node();
  wire::NodeProto& made = *nodes.Add();
  made.set_op_type(op);
  made.set_name(unique(output + "_node"));
  for (const std::string& input : inputs) {
    made.add_input(input);
  }
  made.add_output(output);
  names_.insert(output);
  for (int i = nodes.size() - 1; i > index; --i) {
    nodes.SwapElements(i, i - 1);
  }
  return made;
}

wire::NodeProto& ModelEdit::insert_before(const wire::NodeProto& place, const std::string& op,
                                          const std::vector<std::string>& inputs,
                                          const std::string& output) {
  return insert_at(place, 0, op, inputs, output);
}

wire::NodeProto& ModelEdit::insert_after(const wire::NodeProto& place, const std::string& op,
                                         const std::vector<std::string>& inputs,
                                         const std::string& output) {
  return insert_at(place, 1, op, inputs, output);
}

void ModelEdit::remove_node(const wire::NodeProto& node) {
  tensors_.clear();
  wire::GraphProto& where = graph_of(node);
  where.mutable_node()->DeleteSubrange(index_in(where, node), 1);
}

int ModelEdit::reads_of(const std::string& name) const {
  int count = is_output(name) ? 1 : 0;
  for (const auto& node : proto_->graph().node()) {
    count += static_cast<int>(std::count(node.input().begin(), node.input().end(), name));
    count +=
        std::any_of(node.attribute().begin(), node.attribute().end(),
                    [&](const auto& one) { return one.has_g() && reads_inside(one.g(), name); })
            ? 1
            : 0;
  }
  return count;
}

bool ModelEdit::is_output(const std::string& name) const {
  const auto& outputs = proto_->graph().output();
  return std::any_of(outputs.begin(), outputs.end(),
                     [&](const auto& output) { return output.name() == name; });
}

// Until IR version 4 each initializer is an input, too.
void ModelEdit::write(const std::string& path, const FileForm& form) const {
  wire::ModelProto made = *proto_;
  declare_inputs(made);
  std::map<std::string, PlainValue> values = converted_;
  for (const auto& [name, tensor] : values_) {
    values.insert_or_assign(name, plain_value(tensor));
  }
  if (form.kind == FileForm::Kind::kAsItIs && converted_.empty()) {
    write_edited(origin_.impl(), std::move(made), values, path);
    return;
  }
  FileForm settled = form;
  if (form.kind == FileForm::Kind::kAsItIs) {
    settled.kind =
        origin_.impl().external->empty() ? FileForm::Kind::kInline : FileForm::Kind::kDataFile;
  }
  write_in_form(origin_.impl(), std::move(made), values, settled, path);
}

}  // namespace temper::graph
