#include "graph/onnx/step_graph.h"

#include <map>
#include <string_view>
#include <utility>

#include <onnx.pb.h>

#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"
#include "graph/onnx/graph_messages.h"
#include "graph/onnx/node_form.h"
#include "graph/onnx/step_file.h"
#include "graph/onnx/tensor_codec.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr const char* kPrefix = "step/";  // of what is inside
constexpr std::int64_t kMergedElements = 64;

std::vector<Dim> dims_of(const Shape& shape) {
  std::vector<Dim> dims;
  for (const std::int64_t dim : shape) {
    dims.push_back({dim, {}});
  }
  return dims;
}

}  // namespace

StepGraph::StepGraph(const Graph& step, std::set<std::string> taken)
    : graph_(step), taken_(std::move(taken)) {
  give_results_values();
  to_node_form(graph_);
  order_ = topological_order(graph_);
  find_variables();
  name_values();
}

// A result is the output of a node, and of one result alone.
void StepGraph::give_results_values() {
  std::set<int> used;
  Builder builder(graph_, "result");
  const auto own = [&](ValueId value) {
    const bool is_free =
        graph_.value(value).kind == ValueKind::kNode && used.insert(value.index).second;
    return is_free ? value : builder.op("Identity", {value});
  };
  for (Graph::Output& output : graph_.outputs) {
    output.value = own(output.value);
  }
  for (UpdateBinding& update : graph_.updates) {
    TEMPER_ASSERT(update.kind == UpdateBinding::Kind::kAttempt);
    update.value = own(update.value);
  }
}

void StepGraph::find_variables() {
  std::vector<bool> used(static_cast<std::size_t>(graph_.variable_count()), false);
  for (const NodeId id : order_) {
    for (const ValueId input : graph_.node(id).inputs) {
      if (input.valid() && graph_.value(input).kind == ValueKind::kVariable) {
        used[static_cast<std::size_t>(graph_.value(input).variable.index)] = true;
      }
    }
  }
  for (const UpdateBinding& update : graph_.updates) {
    used[static_cast<std::size_t>(update.variable.index)] = true;
  }
  for (int i = 0; i < graph_.variable_count(); ++i) {
    if (used[static_cast<std::size_t>(i)]) {
      variables_.push_back(VariableId{i});
    }
  }
}

std::string StepGraph::unique(const std::string& name) {
  std::string made = name;
  for (int i = 2; !taken_.insert(made).second; ++i) {
    made = concat(name, "_", i);
  }
  return made;
}

void StepGraph::name_values() {
  for (const VariableId id : variables_) {
    graph_.read_variable(id);  // makes the value where nothing reads it
  }
  names_.resize(static_cast<std::size_t>(graph_.value_count()));
  const auto name_of = [&](ValueId id) -> std::string& {
    return names_[static_cast<std::size_t>(id.index)];
  };
  for (const ValueId id : graph_.inputs) {
    name_of(id) = graph_.value(id).name;
    taken_.insert(name_of(id));
  }
  for (const VariableId id : variables_) {
    taken_.insert(graph_.variable(id).name);
    name_of(graph_.read_variable(id)) = graph_.variable(id).name;
  }
  for (Graph::Output& output : graph_.outputs) {
    output.name = name_of(output.value) = unique(output.name);
  }
  for (const UpdateBinding& update : graph_.updates) {
    const std::string name = unique(graph_.variable(update.variable).name + kNextSuffix);
    name_of(update.value) = name;
    updates_.push_back({update.variable, name});
  }
  for (const NodeId id : order_) {
    Node& node = graph_.node(id);
    node.name = unique(concat(kPrefix, node.op->name(), "_", id.index));
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (!node.outputs[i].valid() || !name_of(node.outputs[i]).empty()) {
        continue;
      }
      const std::string& label = graph_.value(node.outputs[i]).name;
      name_of(node.outputs[i]) =
          unique(label.empty() ? concat(node.name, "_output_", i) : concat(kPrefix, label));
    }
  }
}

// Equal small constants are one.
void StepGraph::add_constants(wire::GraphProto& out, std::vector<std::string>& names) const {
  std::map<std::string, std::string> known;
  int count = 0;
  for (const NodeId id : order_) {
    for (const ValueId input : graph_.node(id).inputs) {
      if (!input.valid() || graph_.value(input).kind != ValueKind::kConstant ||
          !names[static_cast<std::size_t>(input.index)].empty()) {
        continue;
      }
      const Value& value = graph_.value(input);
      const std::string raw = encode_raw(onnx_type(value.dtype), value.constant, value.name);
      std::string key = value.constant.element_count() <= kMergedElements
                            ? concat(value.dtype, value.shape, std::string_view(raw))
                            : concat("value ", input.index);
      const auto [found, is_new] = known.try_emplace(std::move(key));
      if (is_new) {
        do {
          found->second = concat(kPrefix, "constant_", count++);
        } while (taken_.contains(found->second));
        add_tensor(out, found->second, value.dtype, value.shape).set_raw_data(raw);
      }
      names[static_cast<std::size_t>(input.index)] = found->second;
    }
  }
}

void StepGraph::add_nodes(wire::GraphProto& out) const {
  std::vector<std::string> names = names_;
  add_constants(out, names);
  for (const NodeId id : order_) {
    const Node& node = graph_.node(id);
    add_node(out, node, names);
    out.mutable_node(out.node_size() - 1)->set_doc_string(node.origin);
  }
}

void StepGraph::add_output(wire::GraphProto& out, const std::string& name, ValueId id) const {
  const Value& value = graph_.value(id);
  declare_value(*out.add_output(), name, value.dtype, dims_of(value.shape));
}

void StepGraph::add_outputs(wire::GraphProto& out) const {
  for (const Graph::Output& output : graph_.outputs) {
    add_output(out, output.name, output.value);
  }
}

}  // namespace temper::graph
