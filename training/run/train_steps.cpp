#include "training/run/train_steps.h"

#include <algorithm>
#include <cmath>

#include "runtime/base/error.h"
#include "training/objective/inferred_loss.h"
#include "training/run/skipped_steps.h"

namespace temper::training {

TrainSteps::TrainSteps(Session& session, RunContext& context)
    : session_(session),
      context_(context),
      recipe_(session.recipe()),
      plans_(session),
      stages_(session),
      spikes_(context),
      figures_(context, plans_),
      model_(session, context),
      validation_(session, context, model_) {}

IssuedStep TrainSteps::issue() {
  RunState& state = context_.state;
  VariableStore& store = session_.engine().store();
  rates_->refill(store, session_.engine().settings(), state.applied);
  IssuedStep step;
  step.begin = state.data;
  const MicroBatches group(session_, step.begin);
  if (group.accumulates) {
    const std::int64_t weight = session_.engine().settings().by_batches ? group.count : group.rows;
    store.set_scalar(store.find(ScalarRole::kGroup), weight);
  }
  spikes_.before_step(store);
  model_.averages.before_step(store, state.applied + 1);
  first_sample_ = store.get_scalar<std::int64_t>(store.find(ScalarRole::kPosition));
  right_ = {};
  for (std::int64_t i = 0; i < group.count; ++i) {
    const Batch* batch = loader_->next();
    last_plan_ = &plans_.at(group.kind_of(i), batch->rows);
    session_.bind(*last_plan_->executor, *batch);
    last_plan_->executor->run();
    step.samples += batch->rows;
    count_right();
    state.data = batch->end;
  }
  step.number = ++state.attempted;
  step.end = state.data;
  step.ends_epoch = step.end.position == 0;
  return step;
}

void TrainSteps::count_right() {
  if (last_plan_->accuracy >= 0) {
    const auto counts =
        last_plan_->executor->read_output(last_plan_->accuracy).span<std::int64_t>();
    right_.correct += counts[0];
    right_.total += counts[1];
  }
}

double TrainSteps::take_report(const IssuedStep& step) {
  RunState& state = context_.state;
  const double loss = last_plan_->number(last_plan_->loss);
  figures_.take_norms(*last_plan_);
  if (!last_plan_->applied()) {
    take_skipped(step, loss);
    return loss;
  }
  ++state.applied;
  state.consecutive_skips = 0;
  figures_.add_applied(*last_plan_, loss, right_);
  model_.after_applied(step.number);
  spikes_.after_applied(step.number, spikes_.watched(loss, state.last_norm));
  return loss;
}

double TrainSteps::loss_scale() const {
  const VariableStore& store = session_.engine().store();
  const int scale = store.find(ScalarRole::kLossScale);
  return scale < 0 ? 0 : store.get_scalar<double>(scale);
}

bool TrainSteps::scale_still_falls() const {
  // Below 1 PyTorch's documentation calls the model broken, not the scale.
  return recipe_.train.precision == "fp16" && recipe_.scaler.dynamic &&
         loss_scale() > std::max(recipe_.scaler.min_scale, 1.0);
}

void TrainSteps::take_skipped(const IssuedStep& step, double loss) {
  RunState& state = context_.state;
  count_skipped(state);
  const double watched = spikes_.watched(loss, state.last_norm);
  if (last_plan_->spiked() && std::isfinite(watched)) {
    if (spikes_.after_spike(session_.engine().store(), step.number, watched)) {
      model_.count_updates();
      rates_->forget_table();
    }
    return;
  }
  if (scale_still_falls() && std::isfinite(loss)) {
    if (state.skipped == 1) {
      context_.observer.message(concat(
          "step ", step.number, " was skipped: fp16 gradients overflowed, the loss scale falls to ",
          loss_scale(), " (usual at the beginning; opt/loss_scale shows it)"));
    }
    return;
  }
  const std::string why = std::isfinite(loss)
                              ? std::string{}
                              : outside_probabilities(session_.losses(), *last_plan_->executor);
  if (ends_the_run(recipe_.train, state)) {
    fail_diverged(step, loss, why);
  }
  context_.observer.message(concat("step ", step.number, " was skipped: its ",
                                   what_is_not_finite(loss), " is not finite",
                                   why.empty() ? "" : "; ", why));
}

void TrainSteps::fail_diverged(const IssuedStep& step, double loss, const std::string& why) {
  const std::int64_t in_a_row = context_.state.consecutive_skips;
  const std::string node = first_bad_node(step);
  fail(ErrorCode::kDiverged, "step ", step.number, " gave a non-finite ", what_is_not_finite(loss),
       in_a_row > 1 ? concat(" (", in_a_row, " skipped steps in a row)") : "",
       node.empty() ? "" : concat("; the first bad values come from ", node), "; ",
       why.empty() ? "try a lower optimizer.lr or clip.norm = 1.0" : why);
}

// Runs the step's micro-batches again, without changing parameters, and with Dropout's masks as
// they were.
std::string TrainSteps::first_bad_node(const IssuedStep& step) {
  context_.state.data = step.begin;
  const MicroBatches group(session_, step.begin);
  VariableStore& store = session_.engine().store();
  const int position = store.find(ScalarRole::kPosition);
  std::int64_t sample = first_sample_;
  store.set_scalar(position, sample);
  loader_->restart(step.begin);
  for (std::int64_t i = 0; i < group.count; ++i) {
    const Batch* batch = loader_->next();
    const StepPlan& plan = plans_.at(group.kind_of(i), batch->rows);
    session_.bind(*plan.executor, *batch);
    const int bad = plan.executor->first_non_finite_step();
    if (bad >= 0) {
      const PlanStep& found = plan.executor->plan().steps[static_cast<std::size_t>(bad)];
      return concat(found.origin, " (samples ", batch->begin.position, " to ",
                    batch->begin.position + batch->rows - 1, " of epoch ", step.begin.epoch, ")");
    }
    sample += batch->rows;
    store.set_scalar(position, sample);
  }
  return "";
}

}  // namespace temper::training
