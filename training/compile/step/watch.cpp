#include "training/compile/step/watch.h"

#include <algorithm>
#include <set>

#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"
#include "runtime/base/concat.h"

namespace temper::training {
namespace {

using graph::Graph;
using graph::Node;
using graph::NodeId;
using graph::Value;
using graph::ValueId;
using graph::ValueKind;

bool has_parameter(const Graph& graph, const Node& node) {
  return std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) {
    return id.valid() && graph.value(id).kind == ValueKind::kVariable &&
           graph.variable(graph.value(id).variable).is(graph::VariableKind::kParameter);
  });
}

// Units of [N, F] and of [N, C, H, W, ...] lie along axis 1. [N, a, b] is one or the other: what
// made it tells.
int unit_axis(const Graph& graph, ValueId id) {
  const int rank = graph.value(id).shape.rank();
  if (rank != 3) {
    return rank < 2 ? -1 : 1;
  }
  while (graph.value(id).kind == ValueKind::kNode) {
    const Node& node = graph.node(graph.value(id).producer);
    if (node.op->has_units) {
      return node.op->unit_axis < 0 ? node.op->unit_axis + rank : node.op->unit_axis;
    }
    if (node.inputs.empty() || !node.inputs.front().valid()) {
      return 2;
    }
    id = node.inputs.front();
  }
  return 2;
}

}  // namespace

std::vector<WatchedLayer> find_layers(const Graph& graph) {
  std::vector<WatchedLayer> layers;
  std::set<std::string> names;
  for (const NodeId id : graph::topological_order(graph)) {
    const Node& node = graph.node(id);
    const std::string_view op = node.op->name();
    const bool watched =
        node.op->activation != graph::Activation::kNone || has_parameter(graph, node);
    const ValueId value = node.outputs.front();
    if (!watched || !value.valid() || !is_float(graph.value(value).dtype)) {
      continue;
    }
    std::string name = !node.name.empty()                 ? node.name
                       : !graph.value(value).name.empty() ? graph.value(value).name
                                                          : std::string(op);
    const std::string first = name;
    for (int number = 2; !names.insert(name).second; ++number) {
      name = concat(first, " ", number);
    }
    layers.push_back({std::string(op), std::move(name), unit_axis(graph, value), value, -1,
                      node.op->activation});
  }
  return layers;
}

}  // namespace temper::training
