#include "training/session/input_ranges.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "graph/ir/op_def.h"
#include "runtime/base/error.h"

namespace temper::training {
namespace {

using graph::Graph;
using graph::ValueId;
using graph::ValueKind;

// Back through nodes that leave whole numbers as they are.
ValueId source_of(const Graph& graph, ValueId id) {
  while (id.valid() && graph.value(id).kind == ValueKind::kNode) {
    const graph::Node& node = graph.node(graph.value(id).producer);
    if (!node.op->keeps_elements() && node.op->movement != graph::Movement::kBroadcast) {
      return {};
    }
    id = node.inputs.front();
  }
  return id;
}

}  // namespace

std::map<std::string, PickedTable> picked_tables(const Graph& graph) {
  std::map<std::string, PickedTable> tables;
  for (int i = 0; i < graph.node_count(); ++i) {
    const graph::Node& node = graph.node(graph::NodeId{i});
    const int picking = node.op->picking_input;
    if (node.removed || picking < 0) {
      continue;
    }
    const graph::Value& table = graph.value(node.inputs[0]);
    const ValueId index = source_of(graph, node.inputs[static_cast<std::size_t>(picking)]);
    const bool stored = table.kind == ValueKind::kVariable || table.kind == ValueKind::kConstant;
    if (!stored || !index.valid() || graph.value(index).kind != ValueKind::kInput) {
      continue;
    }
    const bool variable = table.kind == ValueKind::kVariable;
    const Shape& shape = variable ? graph.variable(table.variable).shape : table.constant.shape();
    const std::string& name = variable ? graph.variable(table.variable).name : table.name;
    std::int64_t axis = node.attrs.get_int("axis", 0);
    axis += axis < 0 ? shape.rank() : 0;
    if (axis < 0 || axis >= shape.rank()) {
      continue;  // the shape rule says so
    }
    const PickedTable picked{name.empty() ? node.name : name, shape[static_cast<int>(axis)]};
    const auto [place, is_new] = tables.emplace(graph.value(index).name, picked);
    if (!is_new && picked.rows < place->second.rows) {
      place->second = picked;
    }
  }
  return tables;
}

void check_indices(const Graph& graph, const Dataset& data, bool allow_negative) {
  const std::map<std::string, PickedTable> tables = picked_tables(graph);
  for (std::size_t f = 0; f < data.fields().size(); ++f) {
    const Field& field = data.fields()[f];
    const auto table = tables.find(field.name);
    if (field.is_target || !is_integer(field.dtype) || table == tables.end()) {
      continue;
    }
    const std::int64_t rows = table->second.rows;
    if (const auto bad = data.find_outside(f, {allow_negative ? -rows : 0, rows, {}})) {
      const bool counts_back = bad->value < 0 && bad->value >= -rows;
      fail(ErrorCode::kInvalidData, bad->where, ": the value is ", bad->value,
           "; the model's input '", field.name, "' picks rows of '", table->second.name,
           "', which has ", rows, ": values go from ", allow_negative ? -rows : 0, " to ", rows - 1,
           counts_back
               ? concat(" (ONNX counts ", bad->value, " from the end, row ", rows + bad->value,
                        "; where that is meant, write model.allow_negative_ids = true)")
               : "");
    }
  }
}

}  // namespace temper::training
