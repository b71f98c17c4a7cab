#include "graph/onnx/deploy/opset_node.h"

#include <utility>

#include <onnx.pb.h>

#include "graph/onnx/onnx_types.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/error.h"

namespace temper::graph {

std::string OpsetNode::input(int index) const {
  return index < node_->input_size() ? node_->input(index) : std::string();
}

std::string OpsetNode::label() const {
  return concat(node_->op_type(), " '", node_->name().empty() ? node_->output(0) : node_->name(),
                "'");
}

void OpsetNode::refuse(const std::string& reason) {
  reasons_.push_back(concat(label(), ": ", reason));
}

const KnownValue* OpsetNode::known(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

std::optional<std::int64_t> OpsetNode::rank(const std::string& name) const {
  if (const wire::TensorProto* tensor = edit_.find_tensor(name)) {
    return tensor->dims_size();
  }
  const KnownValue* value = known(name);
  return value == nullptr
             ? std::nullopt
             : std::optional<std::int64_t>(static_cast<std::int64_t>(value->shape.rank()));
}

std::string OpsetNode::stored_behind(const std::string& name) const {
  for (const auto& node : edit_.graph().node()) {
    const std::string& op = node.op_type();
    const bool keeps = op == "Reshape" || op == "Identity" || op == "Squeeze" ||
                       op == "Unsqueeze" || op == "Cast" || op == "CastLike";
    if (keeps && node.domain().empty() && node.output(0) == name) {
      return stored_behind(node.input(0));
    }
  }
  return name;
}

std::optional<std::vector<std::int64_t>> OpsetNode::whole_numbers(const std::string& given) {
  const std::string name = given.empty() ? given : stored_behind(given);
  if (name.empty() || edit_.find_tensor(name) == nullptr || !edit_.unreadable(name).empty()) {
    return std::nullopt;
  }
  return edit_.read(name).values<std::int64_t>();
}

std::optional<std::vector<double>> OpsetNode::numbers(const std::string& given) {
  const std::string name = given.empty() ? given : stored_behind(given);
  if (name.empty() || edit_.find_tensor(name) == nullptr || !edit_.unreadable(name).empty()) {
    return std::nullopt;
  }
  return edit_.read(name).values<double>();
}

bool OpsetNode::input_to_ints(int index, const char* attribute) {
  const std::string name = input(index);
  if (name.empty()) {
    trim_inputs();
    return false;
  }
  const auto values = whole_numbers(name);
  if (!values) {
    refuse(concat("its ", attribute, " are computed, and an attribute in opset ", to_));
    return true;
  }
  set_ints(*node_, attribute, *values);
  node_->set_input(index, "");
  trim_inputs();
  edit_.remove_unread({name});
  return true;
}

void OpsetNode::ints_to_input(const char* attribute, int index) {
  const wire::AttributeProto* found = find_attribute(*node_, attribute);
  if (found == nullptr) {
    return;
  }
  const std::vector<std::int64_t> values(found->ints().begin(), found->ints().end());
  const std::string name = edit_.unique(concat(node_->output(0), "_", attribute));
  edit_.add_integers(name, values);
  remove_attribute(*node_, attribute);
  set_input(index, name);
}

void OpsetNode::set_input(int index, const std::string& name) {
  while (node_->input_size() <= index) {
    node_->add_input("");
  }
  node_->set_input(index, name);
}

void OpsetNode::trim_inputs() {
  while (node_->input_size() > 0 && node_->input(node_->input_size() - 1).empty()) {
    node_->mutable_input()->RemoveLast();
  }
}

std::string OpsetNode::emit(const char* op, const std::vector<std::string>& inputs) {
  const std::string name = edit_.unique(concat(node_->output(0), "_", op));
  emitted_ = &edit_.insert_before(*node_, op, inputs, name);
  return name;
}

// Values are known as they are computed, where 16-bit floats are float32: the file says more.
std::int32_t OpsetNode::float_type(const std::string& like) {
  if (const wire::TensorProto* tensor = edit_.find_tensor(like)) {
    return tensor->data_type();
  }
  const wire::ValueInfoProto* info = edit_.find_value_info(like);
  if (info != nullptr && info->type().has_tensor_type()) {
    return info->type().tensor_type().elem_type();
  }
  for (const auto& tensor : edit_.graph().initializer()) {
    if (tensor.data_type() == 10 || tensor.data_type() == 16) {
      refuse(
          concat("the file has floats of 16 bits and does not say of which type '", like, "' is"));
      break;
    }
  }
  const KnownValue* of = known(like);
  return of != nullptr && of->dtype == DType::kFloat64 ? 11 : 1;
}

std::string OpsetNode::scalar(double value, const std::string& like) {
  const std::int32_t type = float_type(like);
  const std::string name = edit_.unique(node_->output(0) + "_number");
  const Tensor number = Tensor::from<double>(graph_dtype(type), Shape{}, std::vector{value});
  edit_.add_tensor(name, number, type);
  return name;
}

void OpsetNode::become_initializer() {
  const std::string name = node_->output(0);
  wire::TensorProto tensor = *edit_.find_tensor(name);
  tensor.set_name(name);
  edit_.remove_node(*node_);
  edit_.add_tensor(std::move(tensor));
  removed_ = true;
}

void OpsetNode::replace_by(const std::string& value) {
  TEMPER_ASSERT(emitted_ != nullptr && emitted_->output(0) == value, value);
  const std::string output = node_->output(0);
  edit_.remove_node(*node_);
  emitted_->set_output(0, output);
  removed_ = true;
}

}  // namespace temper::graph
