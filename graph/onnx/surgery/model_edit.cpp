// The messages and what the edits share; names are looked for in the main graph, where an export
// has its layers.
#include "graph/onnx/surgery/model_edit.h"

#include <algorithm>
#include <span>

#include <onnx.pb.h>

#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::int32_t kInt64 = 7;  // TensorProto.DataType

wire::TensorProto* value_of_constant(wire::NodeProto& node) {
  if (node.op_type() != "Constant" || !normal_domain(node.domain()).empty()) {
    return nullptr;
  }
  for (auto& attribute : *node.mutable_attribute()) {
    if (attribute.name() == "value" && attribute.has_t()) {
      return attribute.mutable_t();
    }
  }
  return nullptr;
}

void set_data(wire::TensorProto& tensor, const Tensor& value, std::int32_t file_type,
              const std::string& name) {
  tensor.set_data_type(file_type);
  for (const std::int64_t dim : value.shape()) {
    tensor.add_dims(dim);
  }
  tensor.set_raw_data(encode_raw(file_type, value, tensor_label(name)));
}

// What the file says of a tensor where it names it as an input too.
void describe(const wire::TensorProto& tensor, wire::ValueInfoProto& info) {
  auto& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(tensor.data_type());
  type.mutable_shape()->Clear();  // of a scalar it is there and empty
  for (const std::int64_t dim : tensor.dims()) {
    type.mutable_shape()->add_dim()->set_dim_value(dim);
  }
}

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

wire::TensorProto* ModelEdit::find_tensor(const std::string& name) {
  if (tensors_.empty()) {
    for (auto& node : *graph().mutable_node()) {
      wire::TensorProto* value = value_of_constant(node);
      if (value != nullptr && node.output_size() == 1) {
        tensors_[node.output(0)] = value;
      }
    }
    for (auto& tensor : *graph().mutable_initializer()) {
      tensors_[tensor.name()] = &tensor;
    }
  }
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : found->second;
}

std::vector<std::string> ModelEdit::initializers() const {
  std::vector<std::string> names;
  for (const auto& tensor : proto_->graph().initializer()) {
    names.push_back(tensor.name());
  }
  return names;
}

std::string ModelEdit::unreadable(const std::string& name) {
  const wire::TensorProto* tensor = find_tensor(name);
  TEMPER_ASSERT(tensor != nullptr, name);
  const std::string reason = unsupported_reason(*tensor);
  return reason.empty() ? reason : concat(reason, " are not supported");
}

TensorHeader ModelEdit::header(const std::string& name) {
  const wire::TensorProto* tensor = find_tensor(name);
  TEMPER_ASSERT(tensor != nullptr, name);
  return check_tensor(*tensor, tensor_label(name));
}

Tensor ModelEdit::read(const std::string& name) {
  const auto changed = values_.find(name);
  if (changed != values_.end()) {
    return changed->second;
  }
  const wire::TensorProto* tensor = find_tensor(name);
  TEMPER_ASSERT(tensor != nullptr, name);
  TEMPER_ASSERT(!converted_.contains(name), "reading what is converted when it is written: ", name);
  ExternalReader reader(*origin_.impl().external);
  return decode_tensor(*tensor, tensor_label(name), &reader);
}

std::vector<std::int64_t> ModelEdit::integers(const std::string& name) {
  return read(name).values<std::int64_t>();
}

void ModelEdit::add_tensor(const std::string& name, const Tensor& value, std::int32_t file_type) {
  wire::TensorProto tensor;
  tensor.set_name(name);
  set_data(tensor, value, file_type, name);
  add_tensor(std::move(tensor));
}

void ModelEdit::add_tensor(wire::TensorProto tensor) {
  wire::TensorProto& added = *graph().add_initializer();
  added = std::move(tensor);
  names_.insert(added.name());
  if (!tensors_.empty()) {  // else all of them are found when one is asked for
    tensors_[added.name()] = &added;
  }
}

void ModelEdit::add_integers(const std::string& name, const std::vector<std::int64_t>& numbers) {
  const Shape shape{static_cast<std::int64_t>(numbers.size())};
  add_tensor(name, Tensor::from<std::int64_t>(DType::kInt64, shape, numbers), kInt64);
}

void ModelEdit::replace_tensor(const std::string& name, const Tensor& value) {
  wire::TensorProto* tensor = find_tensor(name);
  TEMPER_ASSERT(tensor != nullptr, name);
  wire::TensorProto made;
  set_data(made, value, tensor->data_type(), name);
  if (tensor->has_name()) {
    made.set_name(tensor->name());
  }
  if (tensor->has_doc_string()) {
    made.set_doc_string(tensor->doc_string());
  }
  *made.mutable_metadata_props() = tensor->metadata_props();
  *tensor = std::move(made);
  if (wire::ValueInfoProto* info = find_value_info(name)) {
    describe(*tensor, *info);
  }
}

void ModelEdit::set_value(const std::string& name, const Tensor& value) { values_[name] = value; }

PlainValue ModelEdit::stored(const std::string& name) {
  const auto changed = values_.find(name);
  if (changed != values_.end()) {
    return plain_value(changed->second);
  }
  const auto converted = converted_.find(name);
  if (converted != converted_.end()) {
    return converted->second;
  }
  const wire::TensorProto* tensor = find_tensor(name);
  TEMPER_ASSERT(tensor != nullptr, name);
  if (tensor->has_held_at() || tensor->data_location() != 0) {
    return stored_value(origin_.impl(), *tensor, name);
  }
  const std::int32_t type = tensor->data_type();
  return {facts_of_type(type).dtype, header(name).shape,
          [raw = encode_raw(type, read(name), tensor_label(name))](const TakePiece& take) {
            take(std::as_bytes(std::span(raw)));
          }};
}

void ModelEdit::convert_tensor(const std::string& name, std::int32_t file_type, PlainValue value) {
  wire::TensorProto* tensor = find_tensor(name);
  TEMPER_ASSERT(tensor != nullptr, name);
  values_.erase(name);
  const bool outside = tensor->has_held_at() || tensor->data_location() != 0;
  tensor->set_data_type(file_type);
  if (!tensor->has_name() || !outside) {  // a Constant node's, or in the message
    Tensor whole(value.dtype, value.shape, {}, "a tensor to convert");
    auto* to = static_cast<std::byte*>(whole.data());
    value.for_each_piece(
        [&](std::span<const std::byte> piece) { to = std::copy(piece.begin(), piece.end(), to); });
    replace_tensor(name, whole);
    return;
  }
  const auto elements = static_cast<std::uint64_t>(value.shape.element_count());
  tensor->clear_external_data();
  tensor->clear_data_location();
  tensor->set_held_at(0);  // the size is right, the bytes come from `converted_`
  tensor->set_held_bytes(elements * size_of(facts_of_type(file_type).dtype));
  converted_[name] = std::move(value);
  if (wire::ValueInfoProto* info = find_value_info(name)) {
    info->mutable_type()->mutable_tensor_type()->set_elem_type(file_type);
  }
}

void ModelEdit::copy_tensor(const std::string& from, const std::string& to) {
  const wire::TensorProto* tensor = find_tensor(from);
  TEMPER_ASSERT(tensor != nullptr, from);
  wire::TensorProto copy = *tensor;
  copy.set_name(to);
  add_tensor(std::move(copy));
  if (const auto converted = converted_.find(from); converted != converted_.end()) {
    converted_[to] = converted->second;
  }
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
void ModelEdit::declare_inputs(wire::ModelProto& model) {
  std::set<std::string> inputs;
  for (const auto& input : model.graph().input()) {
    inputs.insert(input.name());
  }
  for (const auto& tensor : model.graph().initializer()) {
    if (model.ir_version() < 4 && !inputs.contains(tensor.name())) {
      wire::ValueInfoProto& info = *model.mutable_graph()->add_input();
      info.set_name(tensor.name());
      describe(tensor, info);
    }
  }
}

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
