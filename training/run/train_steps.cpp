#include "training/run/train_steps.h"

#include <algorithm>
#include <cmath>

#include "runtime/base/error.h"
#include "training/compile/rank_variables.h"
#include "training/compile/step/loss_scaling.h"
#include "training/objective/inferred_loss.h"
#include "training/run/skipped_steps.h"

namespace temper::training {
namespace {

void count_right(const StepPlan& plan, const StepReading& reading, AccuracyCount& right) {
  if (plan.accuracy >= 0) {
    const auto counts = reading.output(plan.accuracy).span<std::int64_t>();
    right.correct += counts[0];
    right.total += counts[1];
  }
}

}  // namespace

// Of a plan as many runs are late as late steps have micro-batches, and those of the coming one.
TrainSteps::TrainSteps(Session& session, RunContext& context, std::int64_t late)
    : session_(session),
      context_(context),
      recipe_(session.recipe()),
      plans_(session, static_cast<int>((late + 1) * session.recipe().train.accumulate)),
      stages_(session),
      spikes_(context),
      figures_(context, plans_),
      model_(session, context),
      validation_(session, context, model_),
      late_(late) {}

bool TrainSteps::steps_wait() const {
  return recipe_.train.spike.action == "rollback" || !plans_.all_readings();
}

// The last step of too many skipped ones in a row is run again to find its bad node, so none may be
// issued after it. The rates of steps on their way stand in the table until they are done.
bool TrainSteps::needs_reports() const {
  const auto waiting = static_cast<std::int64_t>(unreported_.size());
  const RunState& state = context_.state;
  return waiting > 0 && (!rates_->holds(state.applied + waiting) ||
                         !model_.averages.hold(state.applied + waiting) ||
                         state.consecutive_skips + waiting >= recipe_.train.max_consecutive_skips);
}

// The statistics of normalisations follow each rank's own rows; rank 0's are the run's.
void TrainSteps::settle_ranks() {
  if (has_peers(session_.ranks())) {
    broadcast_variables(
        session_.engine().store(), *session_.ranks(),
        [](const StoreVariable& variable) { return variable.is(VariableKind::kStatistic); });
  }
}

IssuedStep TrainSteps::issue() {
  return issue(MicroBatches(session_, context_.state.data), [this] { return loader_->next(); });
}

IssuedStep TrainSteps::issue(const MicroBatches& group, const std::function<const Batch*()>& next) {
  RunState& state = context_.state;
  VariableStore& store = session_.engine().store();
  rates_->refill(store, session_.engine().settings(), state.applied);
  IssuedStep step;
  step.begin = state.data;
  if (group.accumulates) {
    const std::int64_t weight =
        session_.recipe().train.accumulates_batches() ? group.count : group.rows;
    store.set_scalar(store.find(ScalarRole::kGroup), weight);
  }
  spikes_.before_step(store);
  model_.averages.before_step(store, state.applied);
  Unreported run;
  run.first_sample = samples_;
  for (std::int64_t i = 0; i < group.count; ++i) {
    const Batch* batch = next();
    if (i > 0) {
      micro_.push_back(run.plan);
      ++run.micro;
    }
    run.plan = &plans_.at(group.kind_of(i), *batch, last_plan_);
    session_.bind(*run.plan->executor, *batch);
    run.plan->run();
    step.samples += batch->all_rows;
    state.data = batch->end;
  }
  last_plan_ = run.plan;
  unreported_.push_back(run);
  samples_ += step.samples;
  step.number = ++state.attempted;
  step.end = state.data;
  step.ends_epoch = step.end.position == 0;
  return step;
}

AccuracyCount TrainSteps::take_right(const Unreported& run) {
  AccuracyCount right;
  const auto done = micro_.begin() + static_cast<std::ptrdiff_t>(run.micro);
  for (auto micro = micro_.begin(); micro != done; ++micro) {
    count_right(**micro, (*micro)->take_reading(), right);
  }
  micro_.erase(micro_.begin(), done);
  return right;
}

double TrainSteps::take_report(const IssuedStep& step) {
  RunState& state = context_.state;
  const Unreported run = unreported_.front();
  unreported_.erase(unreported_.begin());
  AccuracyCount right = take_right(run);
  const StepReading& reading = run.plan->take_reading();
  count_right(*run.plan, reading, right);
  const auto loss = reading.value<double>(run.plan->loss);
  figures_.take_norms(*run.plan, reading);
  if (run.plan->loss_scale >= 0) {
    loss_scale_ = reading.value<double>(run.plan->loss_scale);
  }
  if (!reading.value<bool>(run.plan->ok)) {
    take_skipped(step, run, reading);
    return loss;
  }
  ++state.applied;
  state.consecutive_skips = 0;
  figures_.add_applied(*run.plan, reading, right);
  model_.after_applied(step.number);
  spikes_.after_applied(step.number, spikes_.watched(loss, state.last_norm));
  return loss;
}

bool TrainSteps::scale_still_falls() const {
  return recipe_.train.precision == "fp16" && recipe_.scaler.dynamic &&
         loss_scale_ > least_overflowing_scale(recipe_.scaler);
}

void TrainSteps::take_skipped(const IssuedStep& step, const Unreported& run,
                              const StepReading& reading) {
  RunState& state = context_.state;
  count_skipped(state);
  const auto loss = reading.value<double>(run.plan->loss);
  const double watched = spikes_.watched(loss, state.last_norm);
  if (run.plan->spike >= 0 && reading.value<bool>(run.plan->spike) && std::isfinite(watched)) {
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
          loss_scale_, " (usual at the beginning; opt/loss_scale shows it)"));
    }
    return;
  }
  const std::string why = std::isfinite(loss) ? std::string{} : why_not_finite();
  if (ends_the_run(recipe_.train, state)) {
    fail_diverged(step, loss, run.first_sample, why);
  }
  context_.observer.message(concat("step ", step.number, " was skipped: its ",
                                   what_is_not_finite(loss), " is not finite",
                                   why.empty() ? "" : "; ", why));
}

// The outputs are those of the step that was issued last.
std::string TrainSteps::why_not_finite() const {
  return unreported_.empty() ? outside_probabilities(session_.losses(), *last_plan_->executor) : "";
}

void TrainSteps::fail_diverged(const IssuedStep& step, double loss, std::int64_t first_sample,
                               const std::string& why) {
  const std::int64_t in_a_row = context_.state.consecutive_skips;
  const std::string node = first_bad_node(step, first_sample);
  fail(ErrorCode::kDiverged, "step ", step.number, " gave a non-finite ", what_is_not_finite(loss),
       in_a_row > 1 ? concat(" (", in_a_row, " skipped steps in a row)") : "",
       node.empty() ? "" : concat("; the first bad values come from ", node), "; ",
       why.empty() ? "try a lower optimizer.lr or clip.norm = 1.0" : why);
}

// Runs the step's micro-batches again, without changing parameters, and with Dropout's masks as
// they were.
std::string TrainSteps::first_bad_node(const IssuedStep& step, std::int64_t first_sample) {
  context_.state.data = step.begin;
  if (has_peers(session_.ranks()) || loader_ == nullptr) {
    // The others would wait for the sums behind a node that is bad here alone; or its batches are
    // not the session's to load again.
    return "";
  }
  const MicroBatches group(session_, step.begin);
  VariableStore& store = session_.engine().store();
  const int position = store.find(ScalarRole::kPosition);
  std::int64_t sample = first_sample;
  store.set_scalar(position, sample);
  loader_->restart(step.begin);
  for (std::int64_t i = 0; i < group.count; ++i) {
    const Batch* batch = loader_->next();
    const StepPlan& plan = plans_.at(group.kind_of(i), *batch, nullptr);
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
