#include "graph/passes/pick_early.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"
#include "graph/passes/results.h"

namespace temper::graph {
namespace {

using Ints = std::vector<std::int64_t>;

// A slice that gives each element where it was.
bool is_whole(const Graph& graph, const Node& node) {
  if (node.op->movement != Movement::kPart || !node.attrs.has("starts")) {
    return false;
  }
  const Ints steps = node.attrs.get_ints("steps", {});
  return std::all_of(steps.begin(), steps.end(), [](std::int64_t step) { return step == 1; }) &&
         graph.value(node.inputs.front()).shape == graph.value(node.outputs.front()).shape;
}

Shape without(const Shape& shape, int axis) {
  Shape rest;
  for (int i = 0; i < shape.rank(); ++i) {
    if (i != axis) {
      rest.push_back(shape[i]);
    }
  }
  return rest;
}

class Picks {
 public:
  explicit Picks(Graph& graph) : graph_(graph), users_(users(graph)) {}

  void try_move(NodeId id) {
    const Node node = graph_.node(id);  // a copy: adding nodes moves them
    if (node.op->picking_input != 1 || node.inputs.size() != 2 || !node.inputs[1].valid()) {
      return;
    }
    const Value& index = graph_.value(node.inputs[1]);
    if (index.kind != ValueKind::kConstant || index.shape.rank() != 0 ||
        is_result(graph_, node.outputs.front())) {
      return;
    }
    const ValueId data = node.inputs.front();
    const int rank = graph_.value(data).shape.rank();
    const auto given = node.attrs.get_int("axis", 0);
    const int axis = static_cast<int>(given < 0 ? given + rank : given);
    if (!axis_before(data, axis)) {
      return;
    }
    const ValueId outer = node.outputs.front();
    Builder b(graph_, node.origin);
    const ValueId made = pick(b, data, axis, node.inputs[1]);
    graph_.value(made).name.swap(graph_.value(outer).name);
    graph_.remove_node(id);
    graph_.replace_uses(outer, made);
  }

 private:
  // The axis that this one of a moved value was before it moved; none where that is not one axis,
  // or others read the value.
  std::optional<int> axis_before(ValueId moved, int axis) const {
    const Value& value = graph_.value(moved);
    if (value.kind != ValueKind::kNode || is_result(graph_, moved) ||
        static_cast<std::size_t>(moved.index) >= users_.size() ||
        users_[static_cast<std::size_t>(moved.index)].size() != 1) {
      return std::nullopt;
    }
    const Node& node = graph_.node(value.producer);
    if (node.op->movement == Movement::kPermute && node.attrs.has("perm")) {
      return static_cast<int>(node.attrs.get_ints("perm")[static_cast<std::size_t>(axis)]);
    }
    if (node.op->movement != Movement::kReshape) {
      return std::nullopt;
    }
    const Shape& before = graph_.value(node.inputs.front()).shape;
    for (int i = 0; i < before.rank(); ++i) {
      if (before[i] == value.shape[axis] && before.count(0, i) == value.shape.count(0, axis) &&
          before.element_count() > 0) {
        return i;
      }
    }
    return std::nullopt;
  }

  ValueId pick(Builder& b, ValueId data, int axis, ValueId index) {
    const auto before = axis_before(data, axis);
    if (!before) {
      return b.op("Gather", {data, index}, {{"axis", std::int64_t{axis}}});
    }
    const Node node = graph_.node(graph_.value(data).producer);
    const Shape rest = without(b.shape(data), axis);
    const ValueId inner = pick(b, node.inputs.front(), *before, index);
    if (node.op->movement == Movement::kReshape) {
      return b.shape(inner) == rest ? inner : b.reshape(inner, rest);
    }
    Ints perm;
    for (const std::int64_t from : node.attrs.get_ints("perm")) {
      if (from != *before) {
        perm.push_back(from > *before ? from - 1 : from);
      }
    }
    return std::is_sorted(perm.begin(), perm.end()) ? inner : b.transpose(inner, perm);
  }

  Graph& graph_;
  std::vector<std::vector<NodeId>> users_;
};

}  // namespace

void pick_early(Graph& graph) {
  const std::vector<NodeId> order = topological_order(graph);
  for (const NodeId id : order) {
    const Node& node = graph.node(id);
    const ValueId output = node.outputs.empty() ? ValueId{} : node.outputs.front();
    if (output.valid() && is_whole(graph, node) && !is_result(graph, output)) {
      const ValueId input = node.inputs.front();
      graph.remove_node(id);
      graph.replace_uses(output, input);
    }
  }
  Picks picks(graph);
  for (const NodeId id : order) {
    if (!graph.node(id).removed) {
      picks.try_move(id);
    }
  }
}

}  // namespace temper::graph
