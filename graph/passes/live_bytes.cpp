#include "graph/passes/live_bytes.h"

#include <algorithm>

#include "graph/ir/execution_order.h"
#include "graph/ir/op_def.h"
#include "runtime/base/layout.h"
#include "runtime/base/update_layout.h"

namespace temper::graph {
namespace {

std::size_t at(ValueId id) { return static_cast<std::size_t>(id.index); }

std::int64_t bytes_of(const Value& value) {
  return value.dtype == DType::kOpaque || !value.shape_known
             ? 0
             : storage_bytes(value.dtype, value.shape, {});
}

void find_roots(const Graph& graph, LiveBytes& live) {
  for (const NodeId id : live.order) {
    const Node& node = graph.node(id);
    const bool shares = node.op->is_reshape() && !node.inputs.empty() && node.inputs[0].valid() &&
                        graph.value(node.inputs[0]).kind == ValueKind::kNode;
    for (const ValueId output : node.outputs) {
      if (output.valid() && shares) {
        live.root[at(output)] = live.root[at(node.inputs[0])];
      }
    }
  }
}

void find_lives(const Graph& graph, LiveBytes& live) {
  for (std::size_t p = 0; p < live.order.size(); ++p) {
    const Node& node = graph.node(live.order[p]);
    const int position = static_cast<int>(p);
    for (const ValueId output : node.outputs) {
      if (!output.valid()) {
        continue;
      }
      const auto root = static_cast<std::size_t>(live.root[at(output)]);
      if (live.made[root] < 0) {
        live.made[root] = position;
        live.bytes[root] = bytes_of(graph.value(output));
      }
      live.last[root] = position;
    }
    for (const ValueId input : node.inputs) {
      if (input.valid() && graph.value(input).kind == ValueKind::kNode) {
        live.last[static_cast<std::size_t>(live.root[at(input)])] = position;
      }
    }
  }
  const auto end = static_cast<int>(live.order.size());
  const auto stays = [&](ValueId id) {
    if (id.valid() && graph.value(id).kind == ValueKind::kNode) {
      live.last[static_cast<std::size_t>(live.root[at(id)])] = end;
    }
  };
  for (const Graph::Output& output : graph.outputs) {
    stays(output.value);
  }
  for (const UpdateBinding& update : graph.updates) {
    stays(update.value);
  }
}

// They have a block of their own.
void leave_out_gradients(const Graph& graph, LiveBytes& live) {
  for (const NodeId id : live.order) {
    const Node& node = graph.node(id);
    if (!node.op->is_commit) {
      continue;
    }
    const UpdateLayout layout = UpdateLayout::of(node.attrs);
    for (std::size_t k = 0; k < layout.count; ++k) {
      const ValueId gradient = node.inputs[layout.gradient(k)];
      live.bytes[static_cast<std::size_t>(live.root[at(gradient)])] = 0;
    }
    for (const ValueId written : node.outputs) {
      if (written.valid()) {
        live.bytes[at(written)] = 0;  // in the memory of the variables
      }
    }
  }
}

void find_peak(LiveBytes& live) {
  std::vector<std::int64_t> change(live.order.size() + 2, 0);
  for (std::size_t root = 0; root < live.bytes.size(); ++root) {
    if (live.made[root] >= 0) {
      change[static_cast<std::size_t>(live.made[root])] += live.bytes[root];
      change[static_cast<std::size_t>(live.last[root]) + 1] -= live.bytes[root];
    }
  }
  std::int64_t now = 0;
  for (std::size_t p = 0; p < live.order.size(); ++p) {
    now += change[p];
    if (now > live.peak) {
      live.peak = now;
      live.peak_at = static_cast<int>(p);
    }
  }
}

}  // namespace

LiveBytes live_bytes(const Graph& graph) {
  LiveBytes live;
  live.order = execution_order(graph);
  live.position.assign(static_cast<std::size_t>(graph.node_count()), -1);
  for (std::size_t p = 0; p < live.order.size(); ++p) {
    live.position[static_cast<std::size_t>(live.order[p].index)] = static_cast<int>(p);
  }
  const auto values = static_cast<std::size_t>(graph.value_count());
  live.made.assign(values, -1);
  live.last.assign(values, -1);
  live.bytes.assign(values, 0);
  for (std::size_t i = 0; i < values; ++i) {
    live.root.push_back(static_cast<int>(i));
  }
  find_roots(graph, live);
  find_lives(graph, live);
  leave_out_gradients(graph, live);
  find_peak(live);
  return live;
}

}  // namespace temper::graph
