// The steps of the training loop: rates, micro-batches, and what happens when a step is not finite.
#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/base/error.h"
#include "training/objective/inferred_loss.h"
#include "training/run/run_rates.h"
#include "training/run/trainer_impl.h"

namespace temper::training {

StepPlan::StepPlan(HeldExecutor made, const GraphPorts& places)
    : executor(std::move(made)),
      loss(places.loss),
      norm(places.norm),
      clipped(places.clipped),
      ok(places.ok),
      spike(places.spike),
      accuracy(places.accuracy),
      loss_sums(places.loss_sums),
      ports(&places) {}

double StepPlan::number(int output) const { return executor->read_number<double>(output); }

void Trainer::Impl::refill_rates() {
  if (state.applied < rates_until) {
    return;
  }
  RateTable table(session.engine().store(), session.engine().settings());
  rates_until =
      fill_rates(table, state.applied, schedule,
                 [this](std::int64_t applied, double base) { return rate(applied, base); });
}

double Trainer::Impl::rate(std::int64_t applied, double base) const {
  if (swept_rate) {  // groups keep their proportion
    return swept_rate(applied) * (base_lr() > 0 ? base / base_lr() : 1);
  }
  return stage_rate() * schedule.rate(applied, base);
}

// Micro-batches of the coming group: the last one of an epoch may be short.
std::int64_t Trainer::Impl::group_size() const {
  if (recipe.train.accumulate == 1) {
    return 1;
  }
  const std::int64_t done = state.data.position / recipe.data.batch_size;
  return std::min(recipe.train.accumulate, session.batches_per_epoch() - done);
}

std::int64_t Trainer::Impl::group_rows(std::int64_t group) const {
  return std::min(group * recipe.data.batch_size, session.train_count() - state.data.position);
}

GraphKind Trainer::Impl::kind_of(std::int64_t i, std::int64_t group) const {
  return recipe.train.accumulate == 1 ? GraphKind::kTrain
         : i + 1 == group             ? GraphKind::kLast
                                      : GraphKind::kMicro;
}

const StepPlan& Trainer::Impl::step_plan(GraphKind kind, std::int64_t rows) {
  const auto key = std::make_pair(kind, rows);
  const auto known = plans.find(key);
  if (known != plans.end()) {
    return known->second;
  }
  Engine& engine = session.engine();
  const GraphRequest request = session.request(kind, rows);
  HeldExecutor executor = engine.executor(request);
  return plans.emplace(key, StepPlan(std::move(executor), engine.ports(request))).first->second;
}

std::int64_t Trainer::Impl::step() {
  refill_rates();
  const std::int64_t group = group_size();
  VariableStore& store = session.engine().store();
  if (recipe.train.accumulate > 1) {
    const bool by_batches = session.engine().settings().by_batches;
    const std::int64_t weight = by_batches ? group : group_rows(group);
    store.set_scalar(store.find(ScalarRole::kGroup), weight);
  }
  set_spike_limit();
  set_average_weights(store, average, state.applied + 1);
  const DataPosition begin = state.data;
  const std::int64_t first_sample =
      store.get_scalar<std::int64_t>(store.find(ScalarRole::kPosition));
  std::int64_t samples = 0;
  step_count = {};
  for (std::int64_t i = 0; i < group; ++i) {
    const Batch* batch = loader->next();
    const StepPlan& plan = step_plan(kind_of(i, group), batch->rows);
    session.bind(*plan.executor, *batch);
    plan.executor->run();
    samples += batch->rows;
    count_right(plan);
    state.data = batch->end;
    if (i + 1 == group) {
      finish_step(plan, plan.number(plan.loss), begin, first_sample);
    }
  }
  return samples;
}

void Trainer::Impl::count_right(const StepPlan& plan) {
  if (plan.accuracy >= 0) {
    const auto counts = plan.executor->read_output(plan.accuracy).span<std::int64_t>();
    step_count.correct += counts[0];
    step_count.total += counts[1];
  }
}

double Trainer::Impl::loss_scale() const {
  const VariableStore& store = session.engine().store();
  const int scale = store.find(ScalarRole::kLossScale);
  return scale < 0 ? 0 : store.get_scalar<double>(scale);
}

bool Trainer::Impl::scale_still_falls() const {
  // Below 1 PyTorch's documentation calls the model broken, not the scale.
  return recipe.train.precision == "fp16" && recipe.scaler.dynamic &&
         loss_scale() > std::max(recipe.scaler.min_scale, 1.0);
}

double Trainer::Impl::clipped_norm(const StepPlan& plan) const {
  const double norm = plan.number(plan.clipped >= 0 ? plan.clipped : plan.norm);
  constexpr double kEpsilon = 1e-6;  // as ClipFactor and clip_grad_norm_
  const double factor = recipe.clip.norm > 0 ? recipe.clip.norm / (norm + kEpsilon) : 1;
  return factor < 1 ? norm * factor : norm;
}

void Trainer::Impl::finish_step(const StepPlan& plan, double loss, const DataPosition& begin,
                                std::int64_t first_sample) {
  ++state.attempted;
  last_plan = &plan;
  step_loss = loss;
  state.last_norm = plan.number(plan.norm);
  state.last_norm_clipped = clipped_norm(plan);
  if (plan.executor->read_number<bool>(plan.ok)) {
    ++state.applied;
    state.consecutive_skips = 0;
    state.largest_norm = std::max(state.largest_norm, state.last_norm);
    state.clipped_steps += state.last_norm_clipped < state.last_norm ? 1 : 0;
    state.nonfinite += std::isfinite(loss) && std::isfinite(state.last_norm) ? 0 : 1;
    ++state.loss_steps;
    losses.add(*plan.executor, plan.loss_sums, state.loss_sums);
    losses.add(*plan.executor, plan.loss_sums, state.epoch_loss_sums);
    state.correct += step_count.correct;
    state.counted += step_count.total;
    state.epoch_correct += step_count.correct;
    state.epoch_counted += step_count.total;
    count_average_update();
    watch_applied_step(watched(loss));
    return;
  }
  ++state.skipped;
  ++state.consecutive_skips;
  if (plan.spike >= 0 && plan.executor->read_number<bool>(plan.spike) &&
      std::isfinite(watched(loss))) {
    after_spike(watched(loss));
    return;
  }
  if (scale_still_falls() && std::isfinite(loss)) {
    if (state.skipped == 1) {
      observer.message(concat("step ", state.attempted,
                              " was skipped: fp16 gradients overflowed, the loss scale falls to ",
                              loss_scale(), " (usual at the beginning; opt/loss_scale shows it)"));
    }
    return;
  }
  const std::string why =
      std::isfinite(loss) ? std::string{} : outside_probabilities(session.losses(), *plan.executor);
  if (recipe.train.on_nonfinite == "stop" ||
      state.consecutive_skips >= recipe.train.max_consecutive_skips) {
    fail_diverged(begin, first_sample, loss, why);
  }
  observer.message(concat("step ", state.attempted, " was skipped: its ",
                          std::isfinite(loss) ? "gradient" : "loss", " is not finite",
                          why.empty() ? "" : "; ", why));
}

void Trainer::Impl::fail_diverged(const DataPosition& begin, std::int64_t first_sample, double loss,
                                  const std::string& why) {
  const std::string node = first_bad_node(begin, first_sample);
  fail(ErrorCode::kDiverged, "step ", state.attempted, " gave a non-finite ",
       std::isfinite(loss) ? "gradient" : "loss",
       state.consecutive_skips > 1
           ? concat(" (", state.consecutive_skips, " skipped steps in a row)")
           : "",
       node.empty() ? "" : concat("; the first bad values come from ", node), "; ",
       why.empty() ? "try a lower optimizer.lr or clip.norm = 1.0" : why);
}

// Runs the step's micro-batches again, without changing parameters, and with Dropout's masks as
// they were.
std::string Trainer::Impl::first_bad_node(const DataPosition& begin, std::int64_t first_sample) {
  state.data = begin;
  const std::int64_t group = group_size();
  VariableStore& store = session.engine().store();
  const int position = store.find(ScalarRole::kPosition);
  std::int64_t sample = first_sample;
  store.set_scalar(position, sample);
  loader->restart(begin);
  for (std::int64_t i = 0; i < group; ++i) {
    const Batch* batch = loader->next();
    const StepPlan& plan = step_plan(kind_of(i, group), batch->rows);
    session.bind(*plan.executor, *batch);
    const int bad = plan.executor->first_non_finite_step();
    if (bad >= 0) {
      const PlanStep& step = plan.executor->plan().steps[static_cast<std::size_t>(bad)];
      return concat(step.origin, " (samples ", batch->begin.position, " to ",
                    batch->begin.position + batch->rows - 1, " of epoch ", begin.epoch, ")");
    }
    sample += batch->rows;
    store.set_scalar(position, sample);
  }
  return "";
}

}  // namespace temper::training
