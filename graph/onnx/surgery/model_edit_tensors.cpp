// The tensors of the messages that the edits read, add, convert and copy.
#include <algorithm>
#include <span>

#include <onnx.pb.h>

#include "graph/onnx/surgery/model_edit.h"
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

}  // namespace

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

}  // namespace temper::graph
