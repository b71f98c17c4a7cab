#include "training/compile/gradient_path.h"

#include <algorithm>

#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"

namespace temper::training {
namespace {

using graph::Graph;
using graph::Node;
using graph::ValueId;

std::size_t at(ValueId id) { return static_cast<std::size_t>(id.index); }

}  // namespace

ReachedValues reached_values(const Graph& graph, ReachedValues begin) {
  begin.resize(static_cast<std::size_t>(graph.value_count()), false);
  for (int i = 0; i < graph.node_count(); ++i) {
    const Node& node = graph.node(graph::NodeId{i});
    const bool any = std::any_of(node.inputs.begin(), node.inputs.end(),
                                 [&](ValueId id) { return id.valid() && begin[at(id)]; });
    if (any && !node.removed && node.op->no_gradient_reason.empty()) {
      for (const ValueId id : node.outputs) {
        if (id.valid()) {
          begin[at(id)] = true;
        }
      }
    }
  }
  return begin;
}

ReachedValues values_behind(const Graph& graph, ValueId end) {
  ReachedValues behind(static_cast<std::size_t>(graph.value_count()), false);
  behind[at(end)] = true;
  const std::vector<graph::NodeId> order = graph::topological_order(graph);
  for (auto id = order.rbegin(); id != order.rend(); ++id) {
    const Node& node = graph.node(*id);
    const bool any = std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId output) {
      return output.valid() && behind[at(output)];
    });
    for (const ValueId input : node.inputs) {
      if (any && node.op->no_gradient_reason.empty() && input.valid() &&
          is_float(graph.value(input).dtype)) {
        behind[at(input)] = true;
      }
    }
  }
  return behind;
}

std::vector<std::string> nodes_without_gradient(const Graph& graph, const ReachedValues& reached) {
  std::vector<bool> needed(static_cast<std::size_t>(graph.value_count()), false);
  for (const Graph::Output& output : graph.outputs) {
    needed[at(output.value)] = true;
  }
  std::vector<std::string> found;
  for (int i = graph.node_count() - 1; i >= 0; --i) {
    const Node& node = graph.node(graph::NodeId{i});
    const bool on_the_way =
        !node.removed && std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId id) {
          return id.valid() && needed[at(id)] && reached[at(id)];
        });
    if (!on_the_way) {
      continue;
    }
    for (const ValueId id : node.inputs) {
      if (id.valid()) {
        needed[at(id)] = true;
      }
    }
    // What control flow comes to is not known yet.
    if (!node.op->is_differentiable() && node.op->resolve_function == nullptr) {
      found.push_back(node.origin);
    }
  }
  std::reverse(found.begin(), found.end());
  return found;
}

}  // namespace temper::training
