#include "graph/passes/cleanup.h"

#include <map>
#include <string>

#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

// What a value is for comparison: small constants by their bytes, everything else by its id.
std::string key_of(const Graph& graph, ValueId id) {
  if (!id.valid()) {
    return "_";
  }
  const Value& value = graph.value(id);
  if (value.kind == ValueKind::kConstant && value.constant.element_count() <= 64) {
    const auto* bytes = static_cast<const char*>(value.constant.data());
    return concat("c", value.dtype, value.shape,
                  std::string_view(bytes, static_cast<std::size_t>(value.constant.bytes())));
  }
  return concat("v", id.index);
}

}  // namespace

void remove_dead_nodes(Graph& graph) {
  const std::vector<bool> live = live_nodes(graph);
  for (int i = 0; i < graph.node_count(); ++i) {
    if (!live[static_cast<std::size_t>(i)]) {
      graph.remove_node(NodeId{i});
    }
  }
}

void merge_common_nodes(Graph& graph) {
  std::map<std::string, NodeId> seen;
  for (const NodeId id : topological_order(graph)) {
    const Node& node = graph.node(id);
    if (node.op->is_stateful || !node.bodies.empty()) {
      continue;
    }
    std::string key = concat(node.op->name(), "{", to_string(node.attrs), "}");
    for (const ValueId input : node.inputs) {
      key += key_of(graph, input) + ",";
    }
    key += "->";
    for (const ValueId output : node.outputs) {
      key += output.valid() ? "o" : "_";
    }
    const auto [it, fresh] = seen.emplace(std::move(key), id);
    if (fresh) {
      continue;
    }
    const Node& twin = graph.node(it->second);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i].valid()) {
        graph.replace_uses(node.outputs[i], twin.outputs[i]);
      }
    }
    graph.remove_node(id);
  }
}

}  // namespace temper::graph
