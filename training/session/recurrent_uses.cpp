#include "training/session/recurrent_uses.h"

#include <algorithm>

#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"

namespace temper::training {

using graph::Graph;
using graph::Node;
using graph::Value;
using graph::ValueId;

RecurrentUses::RecurrentUses(const Graph& graph) : graph_(graph) {
  for (int i = 0; i < graph.node_count(); ++i) {
    const Node& node = graph.node(graph::NodeId{i});
    if (node.removed || node.op->state_inputs.empty()) {
      continue;
    }
    follow_sequence(node);
    for (std::size_t pair = 0; pair < node.op->state_inputs.size(); ++pair) {
      const auto at = static_cast<std::size_t>(node.op->state_inputs[pair]);
      if (at < node.inputs.size() && node.inputs[at].valid()) {
        seen_.clear();
        follow_state(node.inputs[at], node, pair);
      }
    }
  }
}

const Node* RecurrentUses::state_of(ValueId input) const {
  const auto found = states_.find(input);
  return found == states_.end() ? nullptr : found->second.node;
}

// Forward through what moves elements and computes nothing.
std::vector<std::string> RecurrentUses::ends_of(ValueId input) const {
  const auto found = states_.find(input);
  if (found == states_.end()) {
    return {};
  }
  const Node& node = *found->second.node;
  const auto end = static_cast<std::size_t>(node.op->state_outputs[found->second.pair]);
  std::vector<ValueId> open;
  if (end < node.outputs.size() && node.outputs[end].valid()) {
    open.push_back(node.outputs[end]);
  }
  const auto readers = graph::users(graph_);
  std::set<ValueId> seen;
  std::vector<std::string> names;
  while (!open.empty()) {
    const ValueId id = open.back();
    open.pop_back();
    if (!seen.insert(id).second) {
      continue;
    }
    for (const Graph::Output& output : graph_.outputs) {
      if (output.value == id) {
        names.push_back(output.name);
      }
    }
    for (const graph::NodeId user : readers[static_cast<std::size_t>(id.index)]) {
      const Node& next = graph_.node(user);
      if (next.op->movement != graph::Movement::kNone) {
        open.insert(open.end(), next.outputs.begin(), next.outputs.end());
      }
    }
  }
  return names;
}

const RecurrentUses::Sequence* RecurrentUses::sequence_of(ValueId input) const {
  const auto found = sequences_.find(input);
  return found == sequences_.end() ? nullptr : &found->second;
}

// Back through what moves elements and computes nothing.
void RecurrentUses::follow_state(ValueId start, const Node& node, std::size_t pair) {
  std::vector<ValueId> open = {start};
  while (!open.empty()) {
    const ValueId id = open.back();
    open.pop_back();
    if (!id.valid() || !seen_.insert(id).second) {
      continue;
    }
    const Value& value = graph_.value(id);
    if (value.kind == graph::ValueKind::kInput) {
      states_.emplace(id, State{&node, pair});
    } else if (value.kind == graph::ValueKind::kNode) {
      const Node& made = graph_.node(value.producer);
      const bool moves = made.op->movement != graph::Movement::kNone;
      if (made.op->movement == graph::Movement::kJoin) {
        open.insert(open.end(), made.inputs.begin(), made.inputs.end());
      } else if (moves || made.op->picking_input > 0) {
        open.push_back(made.inputs.front());
      }
    }
  }
}

// Back through what at most permutes dimensions.
void RecurrentUses::follow_sequence(const Node& node) {
  auto axis = static_cast<std::size_t>(node.attrs.get_int("layout", 0) != 0 ? 0 : 1);
  ValueId id = node.inputs.front();
  while (id.valid() && graph_.value(id).kind == graph::ValueKind::kNode) {
    const Node& made = graph_.node(graph_.value(id).producer);
    const std::vector<std::int64_t> perm = made.attrs.get_ints("perm");
    if (made.op->movement == graph::Movement::kPermute && axis < perm.size()) {
      axis = static_cast<std::size_t>(perm[axis]);
    } else if (made.op->movement != graph::Movement::kSame &&
               made.op->movement != graph::Movement::kConvert) {
      return;
    }
    id = made.inputs.front();
  }
  if (id.valid() && graph_.value(id).kind == graph::ValueKind::kInput) {
    sequences_.emplace(id, Sequence{&node, static_cast<int>(axis)});
  }
}

}  // namespace temper::training
