#include "graph/ir/training_context.h"

namespace temper::graph {

ValueId TrainingContext::statistic(std::size_t input) const {
  const Value& value = graph_.value(node_.inputs[input]);
  if (value.kind != ValueKind::kVariable) {
    return node_.inputs[input];
  }
  const auto it = statistics_.find(value.variable);
  return it == statistics_.end() ? node_.inputs[input] : it->second;
}

void TrainingContext::set_statistic(std::size_t input, ValueId made) {
  const Value& value = graph_.value(node_.inputs[input]);
  if (value.kind == ValueKind::kVariable &&
      graph_.variable(value.variable).is(VariableKind::kStatistic)) {
    statistics_[value.variable] = made;
  }
}

void TrainingContext::replace(const std::vector<ValueId>& made) {
  graph_.remove_node(id_);
  for (std::size_t i = 0; i < node_.outputs.size(); ++i) {
    if (node_.outputs[i].valid()) {
      graph_.replace_uses(node_.outputs[i], made[i]);
    }
  }
}

void TrainingContext::bind_statistics() {
  for (const auto& [variable, value] : statistics_) {
    graph_.add_update({variable, value, UpdateBinding::Kind::kApply});
  }
}

}  // namespace temper::graph
