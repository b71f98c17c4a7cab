#include "graph/ir/verify.h"

#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

void verify_value(const Graph& graph, ValueId id, const char* after, const std::string& where) {
  TEMPER_ASSERT(id.index < graph.value_count(), "after ", after, ": ", where);
  const Value& value = graph.value(id);
  TEMPER_ASSERT(
      value.dtype != DType::kUndefined && (value.shape_known || value.dtype == DType::kOpaque),
      "after ", after, ": value ", id.index, " '", value.name, "' read by ", where, " has no type");
  if (value.kind == ValueKind::kNode) {
    const Node& producer = graph.node(value.producer);
    TEMPER_ASSERT(!producer.removed, "after ", after, ": ", where, " reads value ", id.index,
                  " of the removed node ", producer.origin);
    TEMPER_ASSERT(producer.outputs[static_cast<std::size_t>(value.output_index)] == id, "after ",
                  after, ": value ", id.index, " and its producer disagree");
  }
}

}  // namespace

void verify(const Graph& graph, const char* after) {
  for (int i = 0; i < graph.node_count(); ++i) {
    const Node& node = graph.node(NodeId{i});
    if (node.removed) {
      continue;
    }
    TEMPER_ASSERT(node.op != nullptr, "after ", after);
    for (const ValueId input : node.inputs) {
      if (input.valid()) {
        verify_value(graph, input, after, node.origin.empty() ? node.op->name() : node.origin);
      }
    }
  }
  try {
    topological_order(graph);
  } catch (const Error& error) {
    fail(ErrorCode::kInternal, "after ", after, ": ", error.what());
  }
  for (const auto& output : graph.outputs) {
    verify_value(graph, output.value, after, output.name);
  }
  for (const auto& update : graph.updates) {
    const Variable& variable = graph.variable(update.variable);
    verify_value(graph, update.value, after, variable.name);
    const Value& value = graph.value(update.value);
    TEMPER_ASSERT(value.dtype == variable.dtype && value.shape == variable.shape, "after ", after,
                  ": ", variable.name, " is ", variable.dtype, variable.shape, ", its update ",
                  value.dtype, value.shape);
  }
}

}  // namespace temper::graph
