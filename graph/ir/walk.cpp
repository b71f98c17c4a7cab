#include "graph/ir/walk.h"

#include <functional>
#include <queue>

#include "graph/ir/op_def.h"
#include "runtime/base/error.h"

namespace temper::graph {

std::vector<std::vector<NodeId>> users(const Graph& graph) {
  std::vector<std::vector<NodeId>> list(static_cast<std::size_t>(graph.value_count()));
  for (int i = 0; i < graph.node_count(); ++i) {
    const Node& node = graph.node(NodeId{i});
    if (node.removed) {
      continue;
    }
    for (const ValueId input : node.inputs) {
      if (input.valid()) {
        list[static_cast<std::size_t>(input.index)].push_back(NodeId{i});
      }
    }
  }
  return list;
}

std::vector<NodeId> topological_order(const Graph& graph) {
  return topological_order(graph, [](NodeId) { return false; });
}

std::vector<NodeId> topological_order(const Graph& graph,
                                      const std::function<bool(NodeId)>& early) {
  const auto readers = users(graph);
  std::vector<int> waiting(static_cast<std::size_t>(graph.node_count()), 0);
  using Turn = std::pair<bool, int>;  // whether it is late, then the oldest
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> ready;
  std::size_t total = 0;
  for (int i = 0; i < graph.node_count(); ++i) {
    const Node& node = graph.node(NodeId{i});
    if (node.removed) {
      continue;
    }
    ++total;
    for (const ValueId input : node.inputs) {
      if (input.valid() && graph.value(input).kind == ValueKind::kNode) {
        ++waiting[static_cast<std::size_t>(i)];
      }
    }
    if (waiting[static_cast<std::size_t>(i)] == 0) {
      ready.emplace(!early(NodeId{i}), i);
    }
  }
  std::vector<NodeId> order;
  order.reserve(total);
  while (!ready.empty()) {
    const NodeId id{ready.top().second};
    ready.pop();
    order.push_back(id);
    for (const ValueId output : graph.node(id).outputs) {
      if (!output.valid()) {
        continue;
      }
      for (const NodeId reader : readers[static_cast<std::size_t>(output.index)]) {
        if (--waiting[static_cast<std::size_t>(reader.index)] == 0) {
          ready.emplace(!early(reader), reader.index);
        }
      }
    }
  }
  if (order.size() != total) {
    std::vector<std::string> stuck;
    for (int i = 0; i < graph.node_count() && stuck.size() < 5; ++i) {
      if (!graph.node(NodeId{i}).removed && waiting[static_cast<std::size_t>(i)] > 0) {
        stuck.push_back(graph.node(NodeId{i}).origin);
      }
    }
    fail(ErrorCode::kInvalidModel, "the graph has a cycle through, or nodes that wait for, ",
         join(stuck, ", "));
  }
  return order;
}

std::vector<bool> live_nodes(const Graph& graph) {
  std::vector<bool> live(static_cast<std::size_t>(graph.node_count()), false);
  std::vector<NodeId> stack;
  const auto visit = [&](ValueId id) {
    if (!id.valid() || graph.value(id).kind != ValueKind::kNode) {
      return;
    }
    const NodeId producer = graph.value(id).producer;
    if (!live[static_cast<std::size_t>(producer.index)]) {
      live[static_cast<std::size_t>(producer.index)] = true;
      stack.push_back(producer);
    }
  };
  for (const auto& output : graph.outputs) {
    visit(output.value);
  }
  for (const auto& update : graph.updates) {
    visit(update.value);
  }
  visit(graph.ok);
  while (!stack.empty()) {
    const NodeId id = stack.back();
    stack.pop_back();
    for (const ValueId input : graph.node(id).inputs) {
      visit(input);
    }
  }
  return live;
}

}  // namespace temper::graph
