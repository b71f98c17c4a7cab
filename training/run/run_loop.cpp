#include "training/run/run_loop.h"

#include <algorithm>
#include <vector>

#include "training/settings/duration.h"

namespace temper::training {
namespace {

bool is_due(std::int64_t step, std::int64_t every) { return every > 0 && step % every == 0; }

}  // namespace

RunLoop::RunLoop(RunContext& context, RunSteps& steps, bool resume, SecondsSource now)
    : context_(context), steps_(steps), resume_(resume), clock_(now), window_(std::move(now)) {
  if (const std::string& limit = context.recipe.train.max_time; !limit.empty()) {
    time_limit_ = parse_duration(limit).value();
  }
}

RunOutcome RunLoop::run() {
  open();
  saved_step_ = context_.records->resumed() ? context_.state.attempted : -1;
  try {
    return run_opened();
  } catch (Error& error) {
    if (error.code() == ErrorCode::kDevice || error.code() == ErrorCode::kOutOfMemory) {
      tell_what_is_saved(error);
    }
    throw;
  }
}

void RunLoop::tell_what_is_saved(Error& error) const {
  const std::string& folder = context_.records->directory();
  error.add_note(saved_step_ < 0 ? concat("nothing of the run in ", folder, " was saved yet")
                                 : concat("the run is saved up to step ", saved_step_,
                                          "; go on with: temper train ", folder, " --resume"));
}

RunOutcome RunLoop::run_opened() {
  const RunState& state = context_.state;
  context_.observer.started(context_.records->directory(),
                            progress(state.attempted, state.data.epoch));
  clock_.begin(state.seconds);
  saved_at_ = epoch_began_ = state.seconds;
  if (!context_.records->resumed()) {
    steps_.begin_anew();
  }
  restart_window(state.attempted);
  std::optional<RunOutcome> reason = end();
  while (!reason) {
    take_step();
    reason = end();
  }
  take_reports(0);
  return finish(*reason);
}

void RunLoop::open() {
  context_.records = std::make_unique<RunRecords>(
      context_.recipe, resume_, steps_.identity(),
      [&](const RunState& saved) -> VariableStore& { return steps_.store_of(saved); },
      context_.state, context_.observer);
  settle_length();
  steps_.begin();
}

// Also the parts of the run that go by its length, where it was another one when it was saved.
void RunLoop::settle_length() {
  total_steps_ = steps_.total_steps();
  RunState& state = context_.state;
  const std::int64_t before = context_.records->resumed() ? state.total_steps : 0;
  const std::vector<ScheduledModel> models = steps_.schedules();
  const ScheduledModel& averaged = models.front();
  std::vector<std::string> notes =
      notes_of_changed_length(models, before, total_steps_, state.attempted);
  steps_.averages().follow(resumed_average(context_.recipe.average, averaged.length(total_steps_),
                                           state, averaged.applied, notes));
  steps_.averages().note_in(state, averaged.applied);
  state.total_steps = total_steps_;
  for (const std::string& note : notes) {
    if (!note.empty()) {
      context_.observer.message(note);
    }
  }
}

std::optional<RunOutcome> RunLoop::end() const {
  if (!steps_.wants_more()) {
    return RunOutcome::kStoppedEarly;
  }
  if (context_.state.attempted >= total_steps_) {
    return RunOutcome::kFinished;
  }
  if (on_any_rank(stop_.load(std::memory_order_relaxed))) {
    return RunOutcome::kInterrupted;
  }
  return time_is_up() ? std::optional(RunOutcome::kTimeIsUp) : std::nullopt;
}

bool RunLoop::time_is_up() const {
  return time_limit_ && on_any_rank(clock_.seconds() >= *time_limit_);
}

bool RunLoop::on_any_rank(bool here) const {
  if (!has_peers(context_.ranks)) {
    return here;
  }
  const std::vector<std::uint64_t> all = context_.ranks->gather(here ? 1 : 0);
  return std::any_of(all.begin(), all.end(), [](std::uint64_t there) { return there != 0; });
}

void RunLoop::take_step() {
  if (steps_.needs_reports()) {
    take_reports(0);
  }
  IssuedStep step = steps_.issue();
  step.last = step.number >= total_steps_;
  without_report_.push_back(step);
  take_reports(steps_.report_lag());
  if (steps_.acts_after(step)) {
    take_reports(0);
    steps_.settle_ranks();
    loading_.close(steps_.loading(), window_.seconds());
    steps_.act_after(step);
    restart_window(step.number);
  }
  if (saves(step) || step.last || !steps_.wants_more()) {
    checkpoint();
  }
}

void RunLoop::take_reports(std::int64_t left) {
  while (static_cast<std::int64_t>(without_report_.size()) > left) {
    const IssuedStep step = without_report_.front();
    without_report_.erase(without_report_.begin());
    take_report(step);
  }
}

void RunLoop::take_report(const IssuedStep& step) {
  const double loss = steps_.take_report(step);
  window_.add(step.samples);
  RunProgress now = progress(step.number, step.end.epoch);
  now.loss = loss;
  now.samples_per_second = static_cast<double>(window_.samples()) / window_.seconds();
  context_.observer.stepped(now);
  if (has_line(step)) {
    log(step);
  }
}

bool RunLoop::has_line(const IssuedStep& step) const {
  return step.last || is_due(step.number, context_.recipe.log.every) ||
         (step.ends_epoch && steps_.logs_epochs());
}

void RunLoop::log(const IssuedStep& step) {
  const double elapsed = window_.seconds();
  std::vector<Metric> line;
  steps_.log(step, line);
  if (context_.state.skipped > 0) {
    line.push_back({"opt/skipped", static_cast<double>(context_.state.skipped)});
  }
  line.push_back({"perf/samples_per_s", static_cast<double>(window_.samples()) / elapsed});
  line.push_back({"perf/step_ms", elapsed * 1e3 / static_cast<double>(window_.steps(step.number))});
  if (step.ends_epoch && steps_.logs_epochs()) {
    line.push_back({"perf/epoch_s", clock_.seconds() - epoch_began_});
    epoch_began_ = clock_.seconds();
  }
  const LoadingSpeed loading = loading_.close(steps_.loading(), elapsed);
  if (loading.samples_per_second > 0) {
    line.push_back({"perf/data_samples_per_s", loading.samples_per_second});
    line.push_back({"perf/data_wait_share", loading.wait_share});
  }
  context_.records->write(context_.state, step.number, step.end.epoch, line);
  restart_window(step.number);
}

void RunLoop::restart_window(std::int64_t step) {
  window_.restart(step);
  loading_.restart(steps_.loading());
}

bool RunLoop::saves(const IssuedStep& step) const {
  const CheckpointSettings& settings = context_.recipe.checkpoint;
  if (settings.minutes > 0 && on_any_rank(clock_.seconds() - saved_at_ >= settings.minutes * 60)) {
    return true;
  }
  return settings.every > 0     ? is_due(step.number, settings.every)
         : settings.minutes > 0 ? false
                                : step.ends_epoch;
}

void RunLoop::checkpoint() {
  take_reports(0);
  steps_.settle_ranks();
  saved_at_ = context_.state.seconds = clock_.seconds();
  context_.records->checkpoint(steps_.store(), context_.state);
  saved_step_ = context_.records->save_failed() ? saved_step_ : context_.state.attempted;
}

RunProgress RunLoop::progress(std::int64_t step, std::int64_t epoch) const {
  RunProgress made;
  made.step = step;
  made.total_steps = total_steps_;
  made.epoch = epoch;
  made.total_epochs = steps_.total_epochs();
  return made;
}

RunOutcome RunLoop::finish(RunOutcome reason) {
  if (reason == RunOutcome::kInterrupted || reason == RunOutcome::kTimeIsUp) {
    checkpoint();
  }
  if (reason != RunOutcome::kInterrupted) {
    steps_.settle_ranks();
    steps_.export_models();
  }
  const RunOutcome outcome = context_.records->save_failed() ? RunOutcome::kSaveFailed : reason;
  steps_.conclude(outcome);
  context_.records->show(context_.state, context_.observer.finished(context_.records->directory()));
  return outcome;
}

}  // namespace temper::training
