#include "training/session/recurrent_uses.h"

#include <vector>

#include "graph/ir/op_def.h"

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
    for (const int input : node.op->state_inputs) {
      const auto at = static_cast<std::size_t>(input);
      if (at < node.inputs.size() && node.inputs[at].valid()) {
        seen_.clear();
        follow_state(node.inputs[at], node);
      }
    }
  }
}

const Node* RecurrentUses::state_of(ValueId input) const {
  const auto found = states_.find(input);
  return found == states_.end() ? nullptr : found->second;
}

const RecurrentUses::Sequence* RecurrentUses::sequence_of(ValueId input) const {
  const auto found = sequences_.find(input);
  return found == sequences_.end() ? nullptr : &found->second;
}

// Back through what moves elements and computes nothing.
void RecurrentUses::follow_state(ValueId start, const Node& node) {
  std::vector<ValueId> open = {start};
  while (!open.empty()) {
    const ValueId id = open.back();
    open.pop_back();
    if (!id.valid() || !seen_.insert(id).second) {
      continue;
    }
    const Value& value = graph_.value(id);
    if (value.kind == graph::ValueKind::kInput) {
      states_.emplace(id, &node);
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
