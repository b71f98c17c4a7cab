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
  return concat(where_, node_->op_type(), " '",
                node_->name().empty() ? node_->output(0) : node_->name(), "'");
}

void OpsetNode::refuse(const std::string& reason) {
  change_.reasons.push_back(concat(label(), ": ", reason));
}

const KnownValue* OpsetNode::known(const std::string& name) const {
  const auto found = change_.values.find(name);
  return found == change_.values.end() ? nullptr : &found->second;
}

std::optional<FixedDims> OpsetNode::fixed_dims(const std::string& name) const {
  const auto cast = casts_.find(name);
  return change_.facts.dims(cast == casts_.end() ? name : cast->second);
}

std::optional<std::int64_t> OpsetNode::rank(const std::string& name) const {
  const auto cast = casts_.find(name);
  return change_.facts.rank(cast == casts_.end() ? name : cast->second);
}

std::string OpsetNode::stored_behind(const std::string& name) const {
  for (const auto& node : change_.edit.graph().node()) {
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
  if (name.empty() || change_.edit.find_tensor(name) == nullptr ||
      !change_.edit.unreadable(name).empty()) {
    return std::nullopt;
  }
  return change_.edit.read(name).values<std::int64_t>();
}

std::optional<std::vector<double>> OpsetNode::numbers(const std::string& given) {
  const std::string name = given.empty() ? given : stored_behind(given);
  if (name.empty() || change_.edit.find_tensor(name) == nullptr ||
      !change_.edit.unreadable(name).empty()) {
    return std::nullopt;
  }
  return change_.edit.read(name).values<double>();
}

bool OpsetNode::input_to_ints(int index, const char* attribute) {
  const std::string name = input(index);
  if (name.empty()) {
    trim_inputs();
    return false;
  }
  const auto values = whole_numbers(name);
  if (!values) {
    refuse(concat("its ", attribute, " are computed, and an attribute in opset ", change_.to));
    return true;
  }
  set_ints(*node_, attribute, *values);
  node_->set_input(index, "");
  trim_inputs();
  change_.edit.remove_unread({name});
  return true;
}

void OpsetNode::ints_to_input(const char* attribute, int index) {
  const wire::AttributeProto* found = find_attribute(*node_, attribute);
  if (found == nullptr) {
    return;
  }
  const std::vector<std::int64_t> values(found->ints().begin(), found->ints().end());
  const std::string name = change_.edit.unique(concat(node_->output(0), "_", attribute));
  change_.edit.add_integers(name, values);
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
  const std::string name = change_.edit.unique(concat(node_->output(0), "_", op));
  emitted_ = &change_.edit.insert_before(*node_, op, inputs, name);
  return name;
}

std::string OpsetNode::emit_cast(const std::string& value, std::int32_t type) {
  const std::string made = emit("Cast", {value});
  set_int(*emitted_, "to", type);
  return made;
}

std::int32_t OpsetNode::float_type(const std::string& like) {
  const std::int32_t type = casts_.contains(like) ? 1 : change_.facts.type(like);
  if (type == 0 && change_.facts.has_sixteen_bits()) {
    refuse(concat("the file has floats of 16 bits and does not say of which type '", like, "' is"));
  }
  return type == 0 ? 1 : type;
}

std::string OpsetNode::scalar(double value, const std::string& like) {
  return number(value, float_type(like));
}

std::string OpsetNode::number(double value, std::int32_t type) {
  const std::string name = change_.edit.unique(node_->output(0) + "_number");
  const Tensor made = Tensor::from<double>(graph_dtype(type), Shape{}, std::vector{value});
  change_.edit.add_tensor(name, made, type);
  return name;
}

std::string OpsetNode::integers(const std::vector<std::int64_t>& values) {
  const std::string name = change_.edit.unique(node_->output(0) + "_numbers");
  change_.edit.add_integers(name, values);
  return name;
}

void OpsetNode::become_initializer() {
  const std::string name = node_->output(0);
  wire::TensorProto tensor = *change_.edit.find_tensor(name);
  tensor.set_name(name);
  change_.edit.remove_node(*node_);
  change_.edit.add_tensor(std::move(tensor));
  removed_ = true;
}

void OpsetNode::widen() {
  for (std::string& input : *node_->mutable_input()) {
    const std::int32_t type = change_.facts.type(input);
    if (!input.empty() && (type == 10 || type == 16)) {
      narrow_ = type;
      const std::string wide = emit_cast(input, 1);
      casts_[wide] = input;
      input = wide;
    }
  }
}

void OpsetNode::replace_by(const std::string& value) {
  TEMPER_ASSERT(emitted_ != nullptr && emitted_->output(0) == value, value);
  if (narrow_ != 0) {
    emit_cast(value, narrow_);
  }
  const std::string output = node_->output(0);
  change_.edit.remove_node(*node_);
  emitted_->set_output(0, output);
  removed_ = true;
}

}  // namespace temper::graph
