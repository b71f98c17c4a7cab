#include "training/compile/step/accumulation.h"

#include <string>
#include <utility>

#include "runtime/base/concat.h"
#include "training/compile/step/step_variables.h"
#include "training/optimizers/state_variable.h"

namespace temper::training {

using graph::Builder;
using graph::Graph;
using graph::ScalarRole;
using graph::UpdateBinding;
using graph::ValueId;
using graph::Variable;
using graph::VariableId;
using graph::VariableIdentity;
using graph::VariableKind;

namespace {

// state + value, which the last graph clears.
ValueId accumulated(Builder& builder, bool last, VariableId state, ValueId value) {
  Graph& graph = builder.graph();
  const ValueId sum = builder.add(graph.read_variable(state), value);
  graph.add_update({state, last ? builder.zeros_like(sum) : sum, UpdateBinding::Kind::kAttempt});
  return sum;
}

VariableId loss_variable(Builder& builder, ScalarRole role, std::size_t part, ValueId like) {
  return add_scalar_variable(builder.graph(), role, builder.dtype(like), builder.shape(like), 0,
                             static_cast<int>(part));
}

// The sums of part `index` over the group so far.
LossSums accumulate_sums(Builder& builder, bool last, const LossPart& part, std::size_t index) {
  const auto add_up = [&](ScalarRole role, ValueId value) {
    return accumulated(builder, last, loss_variable(builder, role, index, value), value);
  };
  return {add_up(ScalarRole::kLossSum, part.sums.sum),
          add_up(ScalarRole::kLossCount, part.sums.count), part.sums.places};
}

bool is_own_objective(const Graph& graph, const LossPart& part) {
  return part.of.form.rule == LossRule::kRootMean ||
         (part.of.form.rule == LossRule::kMean && !part.sums.counts_all(graph));
}

ValueId sum_of(Builder& builder, ValueId sum, ValueId value, double factor) {
  const ValueId weighted = factor == 1 ? value : builder.scale(value, factor);
  return sum.valid() ? builder.add(sum, builder.cast(weighted, builder.dtype(sum))) : weighted;
}

// 1 / value, 0 for 0.
ValueId inverse(Builder& builder, ValueId value) {
  const DType dtype = builder.dtype(value);
  const ValueId none = builder.op("Equal", {value, builder.scalar(dtype, 0)});
  const ValueId one = builder.scalar(dtype, 1);
  const ValueId safe = builder.op("Where", {none, one, value});
  return builder.op("Where", {none, builder.scalar(dtype, 0), builder.div(one, safe)});
}

// The micro-batches differentiate sum / m with m the elements of the group, so that gradients have
// the size of a mean's, which loss scaling counts on. What is left of the group's gradient is
// m / count, or 1 / (2 root) of the root of sum / m.
GroupObjective quotient_objective(Builder& builder, const LossPart& part, const LossPart& of_group,
                                  ValueId elements) {
  const ValueId mean = builder.div(part.sums.sum, elements);
  const bool is_root = part.of.form.rule == LossRule::kRootMean;
  const ValueId factor = is_root ? builder.scale(inverse(builder, of_group.value), 0.5)
                                 : builder.mul(elements, inverse(builder, of_group.sums.count));
  return {part.of.factor == 1 ? mean : builder.scale(mean, part.of.factor), factor};
}

// `longest`: of samples that differ in length, else 0.
GroupLoss accumulate_items(Builder& builder, bool last, std::int64_t rows, std::int64_t longest,
                           const LossParts& loss, ValueId group) {
  GroupLoss made;
  const DType dtype = builder.dtype(group);
  const auto own_rows = static_cast<double>(rows);
  ValueId by_rows;  // what counts by the rows of the micro-batch
  ValueId sums;
  for (const LossPart& part : loss.parts) {
    LossPart of_group = part;
    if (!part.of.penalty) {
      of_group.sums = accumulate_sums(builder, last, part, made.loss.parts.size());
      of_group.value = loss_value(builder, part.of.form, of_group.sums);
    }
    made.loss.total = sum_of(builder, made.loss.total, of_group.value, part.of.factor);
    if (part.of.penalty) {
      made.once = last ? sum_of(builder, made.once, part.value, part.of.factor) : made.once;
    } else if (is_own_objective(builder.graph(), part)) {
      // One number for the whole group, of which micro-batches may differ in length.
      const double of_row =
          longest > 0 ? static_cast<double>(longest) : part.sums.places / own_rows;
      const ValueId elements =
          builder.scale(builder.cast(group, builder.dtype(part.sums.sum)), of_row);
      made.objectives.push_back(quotient_objective(builder, part, of_group, elements));
    } else {
      ValueId& objective = part.of.form.rule == LossRule::kSum ? sums : by_rows;
      objective = sum_of(builder, objective, part.value, part.of.factor);
    }
    made.loss.parts.push_back(std::move(of_group));
  }
  if (by_rows.valid()) {
    const ValueId share = builder.div(builder.scalar(dtype, own_rows), group);
    by_rows = builder.mul(by_rows, builder.cast(share, builder.dtype(by_rows)));
    sums = sum_of(builder, sums, by_rows, 1);
  }
  if (sums.valid()) {
    made.objectives.push_back({sums, {}});
  }
  return made;
}

}  // namespace

GroupLoss accumulate_loss(Builder& builder, bool last, const CompileSettings& settings,
                          std::int64_t rows, const LossParts& loss) {
  builder.set_origin("loss of the accumulated step");
  Graph& graph = builder.graph();
  const VariableId variable =
      add_scalar_variable(graph, ScalarRole::kGroup, builder.dtype(loss.total), {}, 1);
  const ValueId group = graph.read_variable(variable);
  GroupLoss made;
  if (settings.train.accumulates_batches()) {
    const ValueId share = builder.div(loss.total, group);
    made.objectives = {{share, {}}};
    for (const LossPart& part : loss.parts) {
      const std::size_t index = made.loss.parts.size();
      made.loss.parts.push_back({part.of, accumulate_sums(builder, last, part, index), part.value});
    }
    made.loss.total =
        accumulated(builder, last, loss_variable(builder, ScalarRole::kLoss, 0, share), share);
  } else {
    made = accumulate_items(builder, last, rows, settings.longest, loss, group);
  }
  graph.value(loss.total).name.clear();
  graph.value(made.loss.total).name = "loss";
  return made;
}

void accumulate_gradients(Builder& builder, bool last, std::size_t index,
                          const std::vector<VariableId>& parameters,
                          std::vector<ValueId>& gradients) {
  Graph& graph = builder.graph();
  builder.set_origin("gradient accumulation");
  const auto slot = static_cast<int>(index);
  const std::string part = index == 0 ? "accumulated" : concat("accumulated", index + 1);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const VariableId accumulator = graph.add_variable(
        state_beside(graph, parameters[i], VariableKind::kAccumulator, slot, part));
    const ValueId sum = accumulated(builder, last, accumulator, gradients[i]);
    gradients[i] = last ? sum : gradients[i];
  }
}

void stage_statistics(graph::Builder& builder, bool last) {
  Graph& graph = builder.graph();
  builder.set_origin("statistics of the accumulated step");
  std::vector<UpdateBinding> rewritten;
  for (const UpdateBinding& update : graph.updates) {
    const Variable statistic = graph.variable(update.variable);
    if (!statistic.is(VariableKind::kStatistic)) {
      rewritten.push_back(update);
      continue;
    }
    Variable made = statistic;
    made.name += ".staged";
    made.identity = VariableIdentity::beside(update.variable.index, VariableKind::kStaged);
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
