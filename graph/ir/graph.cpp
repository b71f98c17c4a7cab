#include "graph/ir/graph.h"

#include <utility>

#include "runtime/base/error.h"

namespace temper::graph {
namespace {

template <class T>
T to_id(std::size_t index) {
  T id;
  id.index = static_cast<std::int32_t>(index);
  return id;
}

}  // namespace

Tensor initial_value(const Variable& variable) {
  if (variable.initial.defined() || variable.stored == nullptr) {
    return variable.initial;
  }
  Tensor value(variable.dtype, variable.shape, {}, "a tensor of the model");
  variable.stored->read(
      0, {static_cast<std::byte*>(value.data()), static_cast<std::size_t>(value.bytes())});
  return value;
}

ValueId Graph::add_input(std::string input_name, DType dtype, std::vector<Dim> dims,
                         bool rank_known) {
  Value value;
  value.name = std::move(input_name);
  value.kind = ValueKind::kInput;
  value.dtype = dtype;
  value.shape_known = rank_known;
  for (const Dim& dim : dims) {
    value.shape.push_back(dim.value);
    value.shape_known = value.shape_known && dim.value >= 0;
  }
  value.dims = std::move(dims);
  value.rank_known = rank_known;
  value.port = {PortRole::kModelInput, static_cast<int>(inputs.size())};
  values_.push_back(std::move(value));
  inputs.push_back(to_id<ValueId>(values_.size() - 1));
  return inputs.back();
}

ValueId Graph::add_input(std::string input_name, DType dtype, const Shape& shape) {
  std::vector<Dim> dims;
  for (const std::int64_t dim : shape) {
    dims.push_back({dim, {}});
  }
  return add_input(std::move(input_name), dtype, std::move(dims));
}

ValueId Graph::add_input(std::string input_name, DType dtype, const Shape& shape, Port port) {
  const ValueId made = add_input(std::move(input_name), dtype, shape);
  value(made).port = port;
  return made;
}

ValueId Graph::add_constant(std::string constant_name, Tensor tensor) {
  Value value;
  value.name = std::move(constant_name);
  value.kind = ValueKind::kConstant;
  value.dtype = tensor.dtype();
  value.shape = tensor.shape();
  value.shape_known = true;
  value.constant = std::move(tensor);
  values_.push_back(std::move(value));
  return to_id<ValueId>(values_.size() - 1);
}

VariableId Graph::add_variable(Variable variable) {
  VariableIdentity& identity = variable.identity;
  identity.slot = identity.slot < 0 ? variable_count() : identity.slot;
  TEMPER_ASSERT(!find_variable(identity).valid(), "variable ", variable.name, " is in the graph");
  variables_.push_back(std::move(variable));
  variable_reads_.emplace_back();
  return to_id<VariableId>(variables_.size() - 1);
}

ValueId Graph::read_variable(VariableId id) {
  ValueId& read = variable_reads_[static_cast<std::size_t>(id.index)];
  if (!read.valid()) {
    const Variable& source = variable(id);
    Value value;
    value.name = source.name;
    value.kind = ValueKind::kVariable;
    value.dtype = source.dtype;
    value.shape = source.shape;
    value.shape_known = true;
    value.variable = id;
    values_.push_back(std::move(value));
    read = to_id<ValueId>(values_.size() - 1);
  }
  return read;
}

NodeId Graph::add_node(const OpDef& op, std::vector<ValueId> node_inputs,
                       const std::vector<std::string>& output_names, Attrs attrs,
                       std::string origin) {
  const NodeId id = to_id<NodeId>(nodes_.size());
  Node node;
  node.op = &op;
  node.inputs = std::move(node_inputs);
  node.attrs = std::move(attrs);
  node.origin = std::move(origin);
  for (std::size_t i = 0; i < output_names.size(); ++i) {
    Value value;
    value.name = output_names[i];
    value.producer = id;
    value.output_index = static_cast<int>(i);
    values_.push_back(std::move(value));
    node.outputs.push_back(to_id<ValueId>(values_.size() - 1));
  }
  nodes_.push_back(std::move(node));
  return id;
}

ValueId Graph::ensure_output(NodeId id, int i) {
  auto& outs = node(id).outputs;
  if (static_cast<std::size_t>(i) >= outs.size()) {
    outs.resize(static_cast<std::size_t>(i) + 1);
  }
  ValueId& output = outs[static_cast<std::size_t>(i)];
  if (!output.valid()) {
    Value value;
    value.producer = id;
    value.output_index = i;
    values_.push_back(std::move(value));
    output = to_id<ValueId>(values_.size() - 1);
  }
  return output;
}

void Graph::add_output(std::string output_name, ValueId value_id) {
  const Port port{PortRole::kModelOutput, static_cast<int>(outputs.size())};
  outputs.push_back({std::move(output_name), value_id, port});
}

void Graph::add_output(std::string output_name, ValueId value_id, Port port) {
  outputs.push_back({std::move(output_name), value_id, port});
}

void Graph::add_update(UpdateBinding binding) { updates.push_back(binding); }

VariableId Graph::find_variable(const VariableIdentity& identity) const {
  for (std::size_t i = 0; i < variables_.size(); ++i) {
    if (variables_[i].identity == identity) {
      return to_id<VariableId>(i);
    }
  }
  return {};
}

VariableId Graph::find_variable(std::string_view variable_name) const {
  for (std::size_t i = 0; i < variables_.size(); ++i) {
    if (variables_[i].identity.is_of_model() && variables_[i].name == variable_name) {
      return to_id<VariableId>(i);
    }
  }
  return {};
}

ValueId Graph::find_value(std::string_view value_name) const {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (values_[i].name == value_name) {
      return to_id<ValueId>(i);
    }
  }
  return {};
}

void Graph::replace_uses(ValueId from, ValueId to) {
  for (Node& node : nodes_) {
    for (ValueId& input : node.inputs) {
      if (input == from) {
        input = to;
      }
    }
  }
  for (Output& output : outputs) {
    if (output.value == from) {
      output.value = to;
    }
  }
  for (UpdateBinding& update : updates) {
    if (update.value == from) {
      update.value = to;
    }
  }
  if (ok == from) {
    ok = to;
  }
}

}  // namespace temper::graph
