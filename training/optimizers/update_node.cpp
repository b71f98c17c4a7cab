#include "training/optimizers/update_node.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "graph/ir/op_def.h"
#include "runtime/base/dtype_visit.h"
#include "runtime/base/error.h"
#include "runtime/base/low_copy.h"
#include "runtime/base/update_layout.h"
#include "training/optimizers/state_variable.h"

namespace temper::training {
namespace {

using graph::ValueId;
using graph::VariableId;
using graph::VariableKind;

std::string require_pair_of_shares(const AttrValue& value) {
  return std::get<std::vector<double>>(value).size() == 2 ? require_share(value)
                                                          : "must be two numbers";
}

std::string require_pair_not_negative(const AttrValue& value) {
  return std::get<std::vector<double>>(value).size() == 2 ? require_not_negative(value)
                                                          : "must be two numbers";
}

Tensor filled(DType dtype, const Shape& shape, double value) {
  Tensor tensor(dtype, shape);
  visit_float(dtype, [&]<class T>() {
    const auto elements = tensor.span<T>();
    std::fill(elements.begin(), elements.end(), static_cast<T>(value));
  });
  return tensor;
}

// One state variable per parameter, in a flat group parallel to the parameters'.
std::vector<VariableId> add_states(graph::Graph& graph, const UpdateInputs& inputs,
                                   const StateSpec& spec, int slot) {
  std::vector<VariableId> states;
  for (std::size_t i = 0; i < inputs.parameters.size(); ++i) {
    graph::Variable state =
        state_beside(graph, inputs.parameters[i], VariableKind::kMoment, slot, spec.name);
    if (spec.shape != nullptr) {
      state.shape = spec.shape(state.shape);
      state.layout_of = {};
      state.layout_free = false;
    }
    if (!spec.initial_parameter.empty()) {
      const Attrs& group = inputs.groups[static_cast<std::size_t>(inputs.group_of[i])];
      const double begin = group.get_double(spec.initial_parameter, 0);
      state.stored = begin == 0 ? nullptr : graph::make_filled_value(state.dtype, begin);
    }
    states.push_back(graph.add_variable(std::move(state)));
  }
  return states;
}

// Of each parameter the value that is it in the type of the copies, where the graph casts it.
std::vector<ValueId> casts_of(const graph::Graph& graph, const UpdateInputs& inputs) {
  std::vector<ValueId> casts(inputs.parameters.size());
  for (int i = 0; i < graph.node_count(); ++i) {
    const graph::Node& node = graph.node(NodeId{i});
    if (node.removed || node.op->movement != graph::Movement::kConvert) {
      continue;
    }
    const graph::Value& from = graph.value(node.inputs.front());
    const ValueId made = node.outputs.front();
    if (from.kind != graph::ValueKind::kVariable || graph.value(made).dtype != inputs.low_copies) {
      continue;
    }
    const auto found = std::find(inputs.parameters.begin(), inputs.parameters.end(), from.variable);
    if (found != inputs.parameters.end()) {
      casts[static_cast<std::size_t>(found - inputs.parameters.begin())] = made;
    }
  }
  return casts;
}

// Variables in the place of casts of parameters, and the parameters' numbers.
std::pair<std::vector<VariableId>, std::vector<std::int64_t>> add_copies(
    graph::Graph& graph, const UpdateInputs& inputs) {
  std::vector<VariableId> copies;
  std::vector<std::int64_t> copy_of;
  if (inputs.low_copies == DType::kUndefined) {
    return {copies, copy_of};
  }
  const std::vector<ValueId> casts = casts_of(graph, inputs);
  for (std::size_t i = 0; i < casts.size(); ++i) {
    if (!casts[i].valid()) {
      continue;
    }
    graph::Variable copy = state_beside(graph, inputs.parameters[i], VariableKind::kMoment,
                                        kLowCopySlot, to_string(inputs.low_copies));
    copy.dtype = inputs.low_copies;
    copies.push_back(graph.add_variable(std::move(copy)));
    copy_of.push_back(static_cast<std::int64_t>(i));
    graph.replace_uses(casts[i], graph.read_variable(copies.back()));
  }
  return {copies, copy_of};
}

Attrs group_attrs(const UpdateInputs& inputs) {
  Attrs attrs{{"count", static_cast<std::int64_t>(inputs.parameters.size())},
              {"group_of", inputs.group_of}};
  for (const Attrs& group : inputs.groups) {
    const auto add = [&](const std::string& name, double value) {
      std::vector<double> values = attrs.get_doubles(name);
      values.push_back(value);
      attrs.set(name, std::move(values));
    };
    for (const auto& [name, value] : group) {
      if (name == "lr" || name == "centralize") {
        continue;  // in the table of rates, done to the gradients before
      }
      if (name == "decoupled_weight_decay") {
        add("decoupled", static_cast<double>(std::get<std::int64_t>(value)));
      } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        add(name, static_cast<double>(*integer));
      } else if (const auto* number = std::get_if<double>(&value)) {
        add(name, *number);
      } else if (const auto* list = std::get_if<std::vector<double>>(&value)) {
        for (std::size_t i = 0; i < list->size(); ++i) {
          add(concat(name == "betas" ? "beta" : name, i + 1), (*list)[i]);
        }
      }
    }
  }
  return attrs;
}

VariableId add_memory(graph::Graph& graph, const UpdateInputs& inputs, const std::string& name,
                      std::int64_t count) {
  graph::Variable memory;
  memory.name = concat(inputs.prefix, "optimizer.", name);
  memory.identity = graph::VariableIdentity::of_scalar(graph::ScalarRole::kMemory, inputs.model);
  memory.dtype = DType::kFloat64;
  memory.shape = Shape{count};
  memory.initial = filled(memory.dtype, memory.shape, 1);
  return graph.add_variable(std::move(memory));
}

}  // namespace

ParameterSpec number_parameter(std::string name, double fallback, std::string help,
                               std::string (*check)(const AttrValue&)) {
  return {std::move(name), fallback, std::move(help), check};
}

ParameterSpec flag_parameter(std::string name, std::string help, bool fallback) {
  return {std::move(name), std::int64_t{fallback}, std::move(help), nullptr, true};
}

ParameterSpec pair_parameter(std::string name, double first, double second, std::string help,
                             std::string (*check)(const AttrValue&)) {
  return {std::move(name), std::vector<double>{first, second}, std::move(help),
          check == require_share ? require_pair_of_shares : require_pair_not_negative};
}

std::vector<ParameterSpec> with_common(double lr, double weight_decay,
                                       std::vector<ParameterSpec> own) {
  std::vector<ParameterSpec> all = {number_parameter("lr", lr, "learning rate")};
  std::move(own.begin(), own.end(), std::back_inserter(all));
  all.push_back(number_parameter("weight_decay", weight_decay, "decay of the weights"));
  all.push_back(flag_parameter("maximize", "ascend instead of descend"));
  all.push_back(flag_parameter(
      "centralize",
      "take each unit's mean from the gradients of weights (gradient centralisation)"));
  return all;
}

UpdateInputs part_of(const UpdateInputs& inputs, const std::vector<bool>& chosen) {
  UpdateInputs part = inputs;
  part.parameters.clear();
  part.gradients.clear();
  part.group_of.clear();
  part.unit_axes.clear();
  part.phase_of.clear();
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i]) {
      part.parameters.push_back(inputs.parameters[i]);
      part.gradients.push_back(inputs.gradients[i]);
      part.group_of.push_back(inputs.group_of[i]);
      part.unit_axes.push_back(inputs.unit_axes[i]);
      if (!inputs.phase_of.empty()) {
        part.phase_of.push_back(inputs.phase_of[i]);
      }
    }
  }
  return part;
}

void keep_plain(graph::Graph& graph, const UpdateInputs& inputs) {
  for (const VariableId id : inputs.parameters) {
    graph.variable(id).layout_free = false;
  }
}

bool any_group(const UpdateInputs& inputs, std::string_view parameter) {
  return std::any_of(inputs.groups.begin(), inputs.groups.end(),
                     [&](const Attrs& group) { return group.get_double(parameter, 0) != 0; });
}

void add_update(graph::Builder& builder, const UpdateInputs& inputs, const UpdateNode& node) {
  graph::Graph& graph = builder.graph();
  Attrs attrs = group_attrs(inputs);
  for (const auto& [name, value] : node.constants) {
    attrs.set(name, std::vector<double>(inputs.groups.size(), value));
  }
  if (!inputs.phase_of.empty()) {
    attrs.set("phase_of", inputs.phase_of);
  }
  if (!node.units_last.empty()) {
    attrs.set("units_last", node.units_last);
  }
  std::vector<VariableId> copies;
  std::vector<std::int64_t> copy_of;
  if (!node.sees_axes) {
    std::tie(copies, copy_of) = add_copies(graph, inputs);
  }
  if (!copy_of.empty()) {
    attrs.set("copy_of", copy_of);
  }
  const UpdateLayout layout{inputs.parameters.size(), node.states.size(), copy_of};
  std::vector<ValueId> node_inputs(layout.memory());
  std::vector<VariableId> written(layout.written_memory());
  node_inputs[UpdateLayout::kOk] = inputs.ok;
  node_inputs[UpdateLayout::kRates] = inputs.rates;
  node_inputs[UpdateLayout::kStep] = inputs.step;
  node_inputs[UpdateLayout::kScale] = inputs.scale;
  for (std::size_t i = 0; i < layout.count; ++i) {
    node_inputs[layout.parameter(i)] = graph.read_variable(inputs.parameters[i]);
    node_inputs[layout.gradient(i)] = inputs.gradients[i];
    written[layout.written_parameter(i)] = inputs.parameters[i];
  }
  std::vector<std::string> names;
  for (std::size_t s = 0; s < layout.states; ++s) {
    names.push_back(node.states[s].name);
    const std::vector<VariableId> states =
        add_states(graph, inputs, node.states[s], static_cast<int>(s));
    for (std::size_t i = 0; i < layout.count; ++i) {
      node_inputs[layout.state(s, i)] = graph.read_variable(states[i]);
      written[layout.written_state(s, i)] = states[i];
    }
  }
  for (std::size_t c = 0; c < copies.size(); ++c) {
    node_inputs[layout.copy(c)] = graph.read_variable(copies[c]);
    written[layout.written_copy(c)] = copies[c];
  }
  if (!names.empty()) {
    attrs.set("states", names);
  }
  if (!node.memory.empty()) {
    const VariableId memory = add_memory(graph, inputs, node.memory,
                                         static_cast<std::int64_t>(inputs.groups.size()) *
                                             graph.value(inputs.step).shape.element_count());
    node_inputs.push_back(graph.read_variable(memory));
    written.push_back(memory);
  }
  const std::vector<ValueId> outputs = builder.ops(
      node.op, std::move(node_inputs), static_cast<int>(written.size()), std::move(attrs));
  for (std::size_t i = 0; i < written.size(); ++i) {
    graph.add_update({written[i], outputs[i], graph::UpdateBinding::Kind::kApply});
  }
}

}  // namespace temper::training
