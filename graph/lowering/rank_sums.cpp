// Lowering of sums over ranks (AllReduce): when they are done, and where. A gradient is summed in
// its place of the flat block, so that nothing is copied.
#include <algorithm>

#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"
#include "graph/lowering/lowering.h"
#include "runtime/base/error.h"
#include "runtime/base/fnv.h"

namespace temper::graph {
namespace {

// Per value index: an output of the graph, or what an update takes.
std::vector<bool> given_values(const Graph& graph) {
  std::vector<bool> given(static_cast<std::size_t>(graph.value_count()), false);
  for (const Graph::Output& output : graph.outputs) {
    given[static_cast<std::size_t>(output.value.index)] = true;
  }
  for (const UpdateBinding& update : graph.updates) {
    given[static_cast<std::size_t>(update.value.index)] = true;
  }
  return given;
}

// Per node index: sums over ranks, and nodes that nothing but such nodes reads.
std::vector<bool> only_for_sums(const Graph& graph, const std::vector<NodeId>& order,
                                const std::vector<std::vector<NodeId>>& readers) {
  const std::vector<bool> given = given_values(graph);
  std::vector<bool> is_early(static_cast<std::size_t>(graph.node_count()), false);
  for (auto id = order.rbegin(); id != order.rend(); ++id) {
    const Node& node = graph.node(*id);
    is_early[static_cast<std::size_t>(id->index)] =
        sums_over_ranks(node) ||
        std::all_of(node.outputs.begin(), node.outputs.end(), [&](ValueId output) {
          if (!output.valid()) {
            return true;
          }
          const auto& list = readers[static_cast<std::size_t>(output.index)];
          return !given[static_cast<std::size_t>(output.index)] && !list.empty() &&
                 std::all_of(list.begin(), list.end(), [&](NodeId reader) {
                   return is_early[static_cast<std::size_t>(reader.index)];
                 });
        });
  }
  return is_early;
}

}  // namespace

bool sums_over_ranks(const Node& node) { return node.op->is_internal && node.attrs.has("ranks"); }

bool has_sums_over_ranks(const Graph& graph) {
  for (int i = 0; i < graph.node_count(); ++i) {
    if (!graph.node(NodeId{i}).removed && sums_over_ranks(graph.node(NodeId{i}))) {
      return true;
    }
  }
  return false;
}

std::vector<NodeId> with_early_sums(const Graph& graph, std::vector<NodeId> order) {
  if (!has_sums_over_ranks(graph)) {
    return order;
  }
  const std::vector<bool> is_early = only_for_sums(graph, order, users(graph));
  std::vector<bool> is_live(static_cast<std::size_t>(graph.node_count()), false);
  for (const NodeId id : order) {
    is_live[static_cast<std::size_t>(id.index)] = true;
  }
  order = topological_order(
      graph, [&](NodeId id) { return is_early[static_cast<std::size_t>(id.index)]; });
  std::erase_if(order, [&](NodeId id) { return !is_live[static_cast<std::size_t>(id.index)]; });
  return order;
}

// What becomes a gradient by a sum is one, too, where nothing else reads it.
void Lowering::find_gradients_of_sums() {
  if (!has_sums_over_ranks(graph_)) {
    return;
  }
  const auto readers = users(graph_);
  const std::vector<bool> given = given_values(graph_);
  for (int i = 0; i < graph_.node_count(); ++i) {
    const Node& node = graph_.node(NodeId{i});
    if (node.removed || !sums_over_ranks(node)) {
      continue;
    }
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const auto gradient = gradient_of_.find(node.outputs[k]);
      const ValueId input = node.inputs[k];
      if (gradient != gradient_of_.end() && !given[static_cast<std::size_t>(input.index)] &&
          graph_.value(input).kind == ValueKind::kNode &&
          readers[static_cast<std::size_t>(input.index)].size() == 1) {
        gradient_of_.emplace(input, gradient->second);
      }
    }
  }
}

// The sums that are gradients go to the flat block: over what they are the sum of, if that lies
// there.
void Lowering::share_summed(const Node& node) {
  for (std::size_t k = 0; k < node.outputs.size(); ++k) {
    const auto gradient = gradient_of_.find(node.outputs[k]);
    if (gradient == gradient_of_.end()) {
      continue;
    }
    const PhysicalId from = steps_.back().inputs[k];
    Physical& sum = physicals_[static_cast<std::size_t>(of_value_.at(node.outputs[k]))];
    sum.home = Physical::Home::kFlat;
    sum.variable = gradient->second;
    if (physicals_[static_cast<std::size_t>(from)].home == Physical::Home::kFlat) {
      sum.shares = from;
    }
  }
}

// The ranks' plans sum the same in the same order: else what they sum up is no gradient of
// anything.
void Lowering::agree_on_sums() const {
  if (!has_sums_over_ranks(graph_)) {
    return;
  }
  std::string text;
  for (const PendingStep& step : steps_) {
    if (step.step.family != "ranks") {
      continue;
    }
    for (const PhysicalId id : step.outputs) {
      const Physical& sum = physicals_[static_cast<std::size_t>(id)];
      text += concat(sum.spec.dtype, " ", sum.spec.shape, " ", to_string(sum.spec.layout), ";");
      text += sum.home == Physical::Home::kFlat ? graph_.variable(sum.variable).name : "";
    }
    text += "\n";
  }
  require_agreement(*options_.ranks, fnv1a64(text), concat("what plan '", graph_.name, "' sums"));
}

}  // namespace temper::graph
