#include "graph/ir/print.h"

#include "graph/ir/body.h"
#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

std::string typed(const Value& value) {
  return value.dtype == DType::kOpaque ? "opaque" : concat(value.dtype, value.shape);
}

std::string labels(const Graph& graph, const std::vector<ValueId>& ids) {
  std::vector<std::string> texts;
  for (const ValueId id : ids) {
    texts.push_back(id.valid() ? label(graph, id) : "_");
  }
  while (!texts.empty() && texts.back() == "_") {
    texts.pop_back();
  }
  return join(texts, ", ");
}

std::string print_node(const Graph& graph, const Node& node) {
  std::vector<std::string> types;
  for (const ValueId id : node.outputs) {
    if (id.valid()) {
      types.push_back(typed(graph.value(id)));
    }
  }
  std::string line = concat("  ", labels(graph, node.outputs), " = ", node.op->name(), "(",
                            labels(graph, node.inputs), ")");
  if (!node.attrs.empty()) {
    line += concat(" {", to_string(node.attrs), "}");
  }
  line += concat(" : ", join(types, ", "));
  if (!node.origin.empty()) {
    line += concat("  # ", node.origin);
  }
  line += "\n";
  for (const std::shared_ptr<const Body>& body : node.bodies) {
    for (std::string text = print(body->graph); !text.empty();) {
      const std::size_t end = text.find('\n') + 1;
      line += "    " + text.substr(0, end);
      text.erase(0, end);
    }
  }
  return line;
}

}  // namespace

std::string label(const Graph& graph, ValueId id) {
  const Value& value = graph.value(id);
  if (!value.name.empty()) {
    return value.name;
  }
  if (value.kind == ValueKind::kConstant && value.constant.element_count() == 1) {
    return concat(value.constant.values<double>().front());
  }
  return concat("%", id.index);
}

std::string print(const Graph& graph) {
  std::vector<std::string> inputs;
  for (const ValueId id : graph.inputs) {
    inputs.push_back(concat(label(graph, id), ": ", typed(graph.value(id))));
  }
  std::string text = concat("graph ", graph.name, "(", join(inputs, ", "), ")\n");
  for (int i = 0; i < graph.variable_count(); ++i) {
    const Variable& variable = graph.variable(VariableId{i});
    text += concat("  var ", variable.name, ": ", variable.dtype, variable.shape,
                   variable.trainable ? " trainable" : "", "\n");
  }
  for (const NodeId id : topological_order(graph)) {
    text += print_node(graph, graph.node(id));
  }
  std::vector<std::string> outputs;
  for (const auto& output : graph.outputs) {
    outputs.push_back(concat(output.name, " = ", label(graph, output.value)));
  }
  text += concat("  outputs ", join(outputs, ", "), "\n");
  for (const auto& update : graph.updates) {
    text += concat("  ", update.kind == UpdateBinding::Kind::kApply ? "apply " : "attempt ",
                   graph.variable(update.variable).name, " <- ", label(graph, update.value), "\n");
  }
  return text;
}

}  // namespace temper::graph
