#include "training/compile/step/update_step.h"

#include <limits>
#include <utility>

#include "graph/autodiff/gradient.h"
#include "graph/ir/builder.h"
#include "graph/passes/reduce_gradients.h"
#include "runtime/base/error.h"
#include "training/compile/gradient_path.h"
#include "training/compile/step/accumulation.h"
#include "training/compile/step/gradient_clip.h"
#include "training/compile/step/loss_scaling.h"
#include "training/compile/step/parameter_groups.h"
#include "training/compile/step/rank_sums.h"
#include "training/compile/step/watch.h"
#include "training/compile/step/weight_average.h"
#include "training/optimizers/optimizer.h"

namespace temper::training {

using graph::Builder;
using graph::Graph;
using graph::PortRole;
using graph::UpdateBinding;
using graph::ValueId;
using graph::VariableId;

namespace {

// Whether the step may be applied as far as its numbers go. Of several ranks the norm and the loss
// are the same; `everywhere`: see RankSums::finite.
ValueId all_finite(Builder& builder, const CompileSettings& settings, ValueId norm, ValueId loss,
                   ValueId everywhere) {
  const Graph& graph = builder.graph();
  // Statistics too: a variance can overflow where the normalised values, and so loss and
  // gradients, do not.
  std::vector<ValueId> finite = {norm, loss};
  for (const UpdateBinding& statistic : graph.updates) {
    if (graph.variable(statistic.variable).is(graph::VariableKind::kStatistic) &&
        settings.ranks == 1) {
      finite.push_back(statistic.value);
    }
  }
  if (settings.train.ignores_nonfinite() && settings.precision != DType::kFloat16) {
    finite = {builder.scalar(DType::kFloat32, 1)};
    everywhere = {};
  }
  const ValueId ok = builder.op("AllFinite", finite);
  if (!everywhere.valid()) {
    return ok;
  }
  const ValueId all = builder.scalar(DType::kInt64, settings.ranks);
  return builder.op("And", {ok, builder.op("Equal", {everywhere, all})});
}

// With train.on_nonfinite = "stop": ok, and no step before this one was to end the run. The host
// hears of that some steps later, and finds the weights of the step that was not finite.
ValueId add_stop(Builder& builder, const CompileSettings& settings, ValueId finite, ValueId loss,
                 ValueId next_scale) {
  Graph& graph = builder.graph();
  builder.set_origin("stop");
  ValueId ends = builder.op("Not", {finite});
  if (next_scale.valid()) {  // an overflow by which the scale finds its place is none
    const ValueId least = builder.scalar(DType::kFloat32, least_overflowing_scale(settings.scaler));
    const ValueId falls = builder.op("Greater", {next_scale, least});
    ends = builder.op(
        "And",
        {ends, builder.op("Not", {builder.op("And", {falls, builder.op("AllFinite", {loss})})})});
  }
  const VariableId stopped =
      add_scalar_variable(graph, graph::ScalarRole::kStopped, DType::kBool, {}, 0);
  const ValueId before = graph.read_variable(stopped);
  graph.add_update({stopped, builder.op("Or", {before, ends}), UpdateBinding::Kind::kAttempt});
  return builder.op("And", {finite, builder.op("Not", {before})});
}

// ok and no spike; what is not a number is none of the gate's business.
ValueId add_spike_gate(Builder& builder, const SpikeSettings& settings, ValueId ok, ValueId value) {
  Graph& graph = builder.graph();
  builder.set_origin("spike guard");
  const VariableId window =
      add_scalar_variable(graph, graph::ScalarRole::kSpikeWindow, builder.dtype(value),
                          {settings.window}, std::numeric_limits<double>::infinity());
  const std::vector<ValueId> gate = builder.ops(
      "SpikeGate", {graph.read_variable(window), value, ok}, 3, {{"factor", settings.factor}});
  graph.add_output("spike", gate[1], {PortRole::kSpike, 0});
  graph.add_update({window, gate[2], UpdateBinding::Kind::kAttempt});
  return gate[0];
}

// What the loss does not depend on stays as it is, as in PyTorch, where it has no gradient: of two
// outputs one may have no loss.
void leave_out_unreached(Graph& graph, ValueId loss) {
  const ReachedValues behind = values_behind(graph, loss);
  bool any = false;
  for (int i = 0; i < graph.variable_count(); ++i) {
    if (!graph.variable(VariableId{i}).trainable) {
      continue;
    }
    const auto read = static_cast<std::size_t>(graph.read_variable(VariableId{i}).index);
    const bool reached = read < behind.size() && behind[read];
    if (!reached) {
      graph.variable(VariableId{i}).trainable = false;
      graph.variable(VariableId{i}).why = "the loss does not depend on it";
    }
    any = any || reached;
  }
  TEMPER_CHECK(any, ErrorCode::kInvalidArgument,
               "the loss does not depend on any tensor that is trained: look at model.freeze, "
               "model.trainable and which outputs of the model the loss takes");
}

// The steps applied; with stages those since each began.
ValueId steps_done(Builder& builder, const CompileSettings& settings, const UpdateInputs& update,
                   const StepVariables& step) {
  Graph& graph = builder.graph();
  const ValueId applied = graph.read_variable(step.applied);
  if (update.phase_of.empty()) {
    return applied;
  }
  builder.set_origin("steps of the stages");
  const VariableId starts =
      add_scalar_variable(graph, graph::ScalarRole::kStarts, DType::kInt64, {settings.stages}, 0);
  return builder.sub(applied, graph.read_variable(starts));
}

// Adds the gradient of what counts once for a group to those of the parameters it depends on.
void add_gradient_of(Builder& builder, ValueId once, const std::vector<ValueId>& wrt, ValueId seed,
                     std::vector<ValueId>& gradients) {
  const ReachedValues behind = values_behind(builder.graph(), once);
  for (std::size_t i = 0; i < wrt.size(); ++i) {
    if (behind[static_cast<std::size_t>(wrt[i].index)]) {
      const ValueId more =
          graph::gradient(builder.graph(), once, std::vector{wrt[i]}, seed).front();
      gradients[i] = builder.add(gradients[i], more);
    }
  }
}

// The gradients of a group of micro-batches, so far as this graph knows them. `raw`: what the
// reverse pass gave last.
std::vector<ValueId> group_gradients(Builder& builder, const GroupLoss& group, bool last,
                                     const std::vector<VariableId>& parameters,
                                     const std::vector<ValueId>& wrt, const LossScaling& scaling,
                                     std::vector<ValueId>& raw) {
  Graph& graph = builder.graph();
  const ValueId seed = scaling.scale_seed(builder, {});
  std::vector<ValueId> total;
  for (std::size_t k = 0; k < group.objectives.size(); ++k) {
    const GroupObjective& objective = group.objectives[k];
    std::vector<ValueId> own = graph::gradient(graph, objective.value, wrt, seed);
    raw = own;
    accumulate_gradients(builder, last, k, parameters, own);
    for (std::size_t i = 0; last && i < own.size(); ++i) {
      if (objective.factor.valid()) {
        own[i] = builder.mul(own[i], builder.cast(objective.factor, builder.dtype(own[i])));
      }
      if (k == 0) {
        total.push_back(own[i]);
      } else {
        total[i] = builder.add(total[i], own[i]);
      }
    }
  }
  if (group.once.valid()) {
    add_gradient_of(builder, group.once, wrt, seed, total);
  }
  return total;
}

}  // namespace

LossParts add_update_step(Graph& graph, const CompileSettings& settings,
                          const GraphRequest& request, const StepVariables& step,
                          const LossParts& loss_of_rank) {
  const RankSums ranks = sum_over_ranks(graph, settings, request, loss_of_rank);
  const LossParts& own_loss = ranks.loss;
  leave_out_unreached(graph, own_loss.total);
  UpdateInputs update;
  collect_parameters(graph, settings, update);
  std::vector<ValueId> wrt;
  for (const VariableId id : update.parameters) {
    wrt.push_back(graph.read_variable(id));
  }
  Builder builder(graph, "step");
  const bool accumulates = request.kind != GraphKind::kTrain;
  const LossScaling scaling(graph, settings.scaler, settings.precision == DType::kFloat16);
  LossParts loss = own_loss;
  std::vector<ValueId> raw;  // gradients as the reverse pass gives them
  if (accumulates) {
    const bool last = request.kind == GraphKind::kLast;
    GroupLoss group = accumulate_loss(builder, last, settings, all_rows(request), own_loss);
    update.gradients = group_gradients(builder, group, last, update.parameters, wrt, scaling, raw);
    loss = std::move(group.loss);
  } else {
    update.gradients = graph::gradient(graph, loss.total, wrt, scaling.scale_seed(builder, {}));
    raw = update.gradients;
  }
  const ValueId one = builder.scalar(DType::kInt64, 1);
  if (request.kind != GraphKind::kMicro) {
    count(builder, step.attempted, one, UpdateBinding::Kind::kAttempt);
  }
  count(builder, step.position,
        builder.scalar(DType::kInt64, static_cast<double>(all_rows(request))),
        UpdateBinding::Kind::kAttempt);
  if (request.kind == GraphKind::kMicro) {
    stage_statistics(builder, false);
    return loss;
  }
  graph::reduce_gradients(builder, {settings.ranks, settings.bucket_bytes}, raw, update.gradients);
  unscale_gradients(builder, settings.clip, request.watch_gradients, scaling.inverse(builder),
                    update);
  if (request.watch_gradients) {
    for (std::size_t i = 0; i < update.parameters.size(); ++i) {
      const graph::Variable& parameter = graph.variable(update.parameters[i]);
      graph.add_output(concat("gradient of ", parameter.name), update.gradients[i],
                       {PortRole::kGradient, parameter.identity.slot});
    }
  }
  const ClippedGradients clip = clip_gradients(builder, settings.clip, update);
  centralize_gradients(builder, update);
  graph.ok = all_finite(builder, settings, clip.norm, loss.total, ranks.finite);
  const ValueId next_scale = scaling.update(builder, graph.ok);
  if (settings.train.on_nonfinite == "stop") {
    graph.ok = add_stop(builder, settings, graph.ok, loss.total, next_scale);
  }
  if (settings.train.spike.guards()) {
    graph.ok = add_spike_gate(builder, settings.train.spike, graph.ok,
                              settings.train.spike.of == "loss" ? loss.total : clip.norm);
  }
  graph.value(graph.ok).name = "ok";
  update.scale = clip_factor(builder, settings.clip, clip, update);
  update.ok = graph.ok;
  if (settings.keeps_low_copies) {
    update.low_copies = settings.precision;
  }
  update.rates = graph.read_variable(step.rates);
  update.step = steps_done(builder, settings, update, step);
  const Optimizer& optimizer = find_optimizer(settings.optimizer.name);
  builder.set_origin(concat("optimizer ", optimizer.name));
  optimizer.build(builder, update);
  count(builder, step.applied, one, UpdateBinding::Kind::kApply);
  if (accumulates) {
    stage_statistics(builder, true);
  }
  if (settings.average.is_on()) {
    add_weight_average(graph, settings, step);
  }
  graph.add_output("grad_norm", clip.norm, {PortRole::kNorm, 0});
  if (clip.clipped != clip.norm) {
    graph.add_output("grad_norm_clipped", clip.clipped, {PortRole::kClippedNorm, 0});
  }
  graph.add_output("ok", graph.ok, {PortRole::kOk, 0});
  return loss;
}

}  // namespace temper::training
