#include "graph/passes/join_slices.h"

#include <algorithm>
#include <map>

#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"

namespace temper::graph {
namespace {

struct Part {
  NodeId node;
  std::int64_t axis = 0, start = 0, end = 0;
};

// The part that a node takes of its input along one axis; an invalid node: it takes another.
Part part_of(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.removed || node.op->movement != Movement::kPart || !node.attrs.has("starts")) {
    return {};
  }
  const std::vector<std::int64_t> starts = node.attrs.get_ints("starts");
  const std::vector<std::int64_t> ends = node.attrs.get_ints("ends");
  const std::vector<std::int64_t> axes = node.attrs.get_ints("axes");
  if (starts.size() != 1 || ends.size() != 1 || axes.size() != 1 ||
      node.attrs.get_ints("steps", {1}) != std::vector<std::int64_t>{1} || starts[0] >= ends[0]) {
    return {};
  }
  return {id, axes[0], starts[0], ends[0]};
}

// Sorts the parts of one value and axis. True when they are all of it, each element once.
bool cover(const Graph& graph, std::vector<Part>& parts) {
  std::sort(parts.begin(), parts.end(),
            [](const Part& a, const Part& b) { return a.start < b.start; });
  std::int64_t at = 0;
  for (const Part& part : parts) {
    if (part.start != at) {
      return false;
    }
    at = part.end;
  }
  const ValueId whole = graph.node(parts.front().node).inputs.front();
  return parts.size() > 1 && at == graph.value(whole).shape[static_cast<int>(parts.front().axis)];
}

void join(Graph& graph, const std::vector<Part>& parts) {
  const Node first = graph.node(parts.front().node);  // a copy: adding nodes moves them
  std::vector<std::int64_t> sizes;
  for (const Part& part : parts) {
    sizes.push_back(part.end - part.start);
  }
  Builder builder(graph, first.origin);
  const std::vector<ValueId> made =
      builder.ops("Split", {first.inputs.front()}, static_cast<int>(parts.size()),
                  {{"axis", parts.front().axis}, {"split", sizes}});
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const ValueId before = graph.node(parts[i].node).outputs.front();
    graph.value(made[i]).name.swap(graph.value(before).name);
    graph.remove_node(parts[i].node);
    graph.replace_uses(before, made[i]);
  }
}

}  // namespace

void join_slices(Graph& graph) {
  std::map<std::pair<ValueId, std::int64_t>, std::vector<Part>> by_value;
  const std::vector<bool> live = live_nodes(graph);
  for (const NodeId id : topological_order(graph)) {
    const Part part = live[static_cast<std::size_t>(id.index)] ? part_of(graph, id) : Part{};
    if (part.node.valid()) {
      by_value[{graph.node(id).inputs.front(), part.axis}].push_back(part);
    }
  }
  for (auto& [value, parts] : by_value) {
    if (cover(graph, parts)) {
      join(graph, parts);
    }
  }
}

}  // namespace temper::graph
