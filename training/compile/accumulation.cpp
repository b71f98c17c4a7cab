#include "training/compile/accumulation.h"

#include "training/compile/training_graph.h"
#include "training/optimizers/state_variable.h"

namespace temper::training {

using graph::Graph;
using graph::UpdateBinding;
using graph::ValueId;
using graph::Variable;
using graph::VariableId;
using graph::VariableRole;

void accumulate_gradients(graph::Builder& builder, bool last,
                          const std::vector<VariableId>& parameters,
                          std::vector<ValueId>& gradients) {
  Graph& graph = builder.graph();
  builder.set_origin("gradient accumulation");
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const VariableId accumulator =
        graph.add_variable(state_beside(graph, parameters[i], "", kAccumulatedSuffix));
    const ValueId sum = builder.add(graph.read_variable(accumulator), gradients[i]);
    if (last) {
      gradients[i] = sum;
    }
    graph.add_update(
        {accumulator, last ? builder.zeros_like(sum) : sum, UpdateBinding::Kind::kAttempt});
  }
}

ValueId accumulate_loss(graph::Builder& builder, bool last, ValueId loss) {
  Graph& graph = builder.graph();
  builder.set_origin("loss of the accumulated step");
  Variable made;
  made.name = kLossVariable;
  made.dtype = builder.dtype(loss);
  made.role = VariableRole::kScalar;
  const VariableId accumulator = graph.add_variable(std::move(made));
  const ValueId sum = builder.add(graph.read_variable(accumulator), loss);
  graph.add_update(
      {accumulator, last ? builder.zeros_like(sum) : sum, UpdateBinding::Kind::kAttempt});
  return sum;
}

void stage_statistics(graph::Builder& builder, bool last) {
  Graph& graph = builder.graph();
  builder.set_origin("statistics of the accumulated step");
  std::vector<UpdateBinding> rewritten;
  for (const UpdateBinding& update : graph.updates) {
    const Variable statistic = graph.variable(update.variable);
    if (statistic.role != VariableRole::kStatistic) {
      rewritten.push_back(update);
      continue;
    }
    Variable made = statistic;
    made.name += kStagedSuffix;
    made.role = VariableRole::kState;
    const VariableId staged = graph.add_variable(std::move(made));
    const ValueId old_value = graph.read_variable(update.variable);
    const ValueId moving = graph.read_variable(staged);
    graph.replace_uses(old_value, moving);  // the forward pass reads the staged statistic
    if (last) {
      rewritten.push_back({update.variable, update.value, UpdateBinding::Kind::kApply});
      rewritten.push_back({staged, builder.op("Where", {graph.ok, update.value, old_value}),
                           UpdateBinding::Kind::kAttempt});
    } else {
      rewritten.push_back({staged, update.value, UpdateBinding::Kind::kAttempt});
    }
  }
  graph.updates = std::move(rewritten);
}

}  // namespace temper::training
