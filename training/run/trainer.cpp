#include "training/run/trainer.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/platform/folders.h"
#include "training/records/history.h"
#include "training/run/run_length.h"
#include "training/run/run_rates.h"
#include "training/run/trainer_impl.h"
#include "training/schedules/length_notes.h"
#include "training/settings/duration.h"

namespace temper::training {

MemoryPlan Trainer::Impl::prepare() {
  if (!prepared) {
    settle_length();
    enter_stage(0);
    const std::vector<GraphRequest> requests = session.requests();
    session.engine().prepare(requests);
    // The first graph is that of a whole step.
    losses = LossTotals(session.engine().settings(), true, session.engine().plan(requests.front()));
    for (const GraphRequest& request : requests) {
      step_plan(request.kind, request.batch);
    }
    prepared = true;
  }
  return session.engine().memory();
}

void Trainer::Impl::settle_length() {
  const std::int64_t batches = session.batches_per_epoch();
  steps_per_epoch = (batches + recipe.train.accumulate - 1) / recipe.train.accumulate;
  const std::int64_t epochs = recipe.stages.empty() ? recipe.train.epochs : stage_end(recipe, -1);
  total_steps = recipe.train.steps > 0 ? recipe.train.steps : epochs * steps_per_epoch;
  total_epochs = (total_steps + steps_per_epoch - 1) / steps_per_epoch;
  schedule = RunSchedule(recipe.schedule, {steps_per_epoch, total_steps});
  for (const std::string& note : length_notes(recipe.schedule, {steps_per_epoch, total_steps})) {
    observer.message(note);
  }
  average = AveragePlan(recipe.average, {steps_per_epoch, total_steps});
  check_moved_momentum(schedule, recipe.schedule, recipe.optimizer, "optimizer");
  settle_metrics();
}

// The parts of the run that go by its length, where it was another one when it was saved.
void Trainer::Impl::settle_changed_length() {
  const RunLength now{steps_per_epoch, total_steps};
  const std::int64_t before = state.total_steps;
  std::vector<std::string> notes = {void_length_note(recipe)};
  if (records->resumed() && before > 0 && before != total_steps) {
    notes.push_back(length_change(before, total_steps, state.attempted));
    notes.push_back(schedule_change("schedule", recipe.schedule, {steps_per_epoch, before}, now,
                                    state.applied, base_lr()));
  }
  average = resumed_average(recipe.average, now, state, state.applied, notes);
  state.average_updates = average.updates(state.applied);
  state.average_start = recipe.average.is_on() ? average.start() : -1;
  state.total_steps = total_steps;
  for (const std::string& note : notes) {
    if (!note.empty()) {
      observer.message(note);
    }
  }
}

void Trainer::Impl::settle_metrics() {
  metrics_task = metric_task(session);
  metrics = wanted_metrics(session);
  class_names(session);  // their number is checked before the first step
  result.monitor = !recipe.checkpoint.monitor.empty() ? recipe.checkpoint.monitor
                   : session.has_validation()         ? "val/loss"
                                                      : "train/loss";
  const std::string& name = result.monitor;
  const std::vector<std::string> known = monitor_names(session);
  const std::string hint = nearest(name, known);
  TEMPER_CHECK(std::find(known.begin(), known.end(), name) != known.end(),
               ErrorCode::kInvalidArgument, "checkpoint.monitor is \"", name, "\"; this run has ",
               join(known, ", "), hint.empty() ? "" : concat(" (did you mean ", hint, "?)"),
               session.has_validation() ? "" : " (validation needs data.val or data.val_split)");
  maximize = recipe.checkpoint.mode == "max" ||
             (recipe.checkpoint.mode == "auto" && !less_is_better(name));
}

void Trainer::Impl::open_run() {
  records = std::make_unique<RunRecords>(
      recipe, resume, run_identity(session),
      [&](const RunState& saved) -> VariableStore& {
        enter_stage(saved.data.epoch);
        return session.engine().store();
      },
      state, observer);
  if (records->resumed()) {
    result.final_evaluation = state.best_evaluation;
    result.has_evaluation = state.best_evaluation.samples > 0;
  }
  result.run_directory = records->directory();
  result.best_model = records->path("best.onnx");
  result.last_model = records->path("last.onnx");
  schedule.plateau = state.plateau;
  settle_changed_length();
  loader = session.make_train_loader(state.data);
}

RunResult Trainer::Impl::run(const std::atomic<bool>& stop) {
  prepare();
  open_run();
  RunProgress begin;
  begin.step = state.attempted;
  begin.total_steps = total_steps;
  begin.epoch = state.data.epoch;
  begin.total_epochs = total_epochs;
  observer.started(result.run_directory, begin);
  run_clock.begin(state.seconds);
  if (!records->resumed()) {
    keep_snapshot();
    evaluate_given();
  }
  restart_clock();
  const auto stopping = [&] { return stop.load(std::memory_order_relaxed); };
  while (state.attempted < total_steps && patient() && !stopping() && !time_is_up()) {
    report_progress(step());
    state.seconds = run_clock.seconds();
    const bool epoch_end = state.data.position == 0;
    const bool last = state.attempted >= total_steps;
    if (state.attempted % recipe.log.every == 0 || last || epoch_end) {
      log_step();
    }
    if (recipe.log.histograms > 0 && state.attempted % recipe.log.histograms == 0) {
      write_histograms();
    }
    const bool evaluates =
        recipe.train.eval_every > 0 ? state.attempted % recipe.train.eval_every == 0 : epoch_end;
    if (evaluates || last) {
      evaluate_now();
    }
    if (state.attempted % recipe.train.spike.snapshot == 0 && state.consecutive_skips == 0) {
      keep_snapshot();
    }
    if (epoch_end && !last) {  // before it is saved: a checkpoint is of the stage of its epoch
      enter_stage(state.data.epoch);
    }
    if (saves(epoch_end) || last || !patient()) {
      checkpoint();
    }
  }
  return finish(state.attempted < total_steps && patient());
}

bool Trainer::Impl::saves(bool epoch_end) const {
  const CheckpointSettings& settings = recipe.checkpoint;
  if (settings.minutes > 0 && state.seconds - last_save >= settings.minutes * 60) {
    return true;
  }
  return settings.every > 0     ? state.attempted % settings.every == 0
         : settings.minutes > 0 ? false
                                : epoch_end;
}

bool Trainer::Impl::time_is_up() const {
  return !recipe.train.max_time.empty() &&
         run_clock.seconds() >= parse_duration(recipe.train.max_time).value();
}

RunResult Trainer::Impl::finish(bool interrupted) {
  result.steps = state.attempted;
  result.skipped = state.skipped;
  result.best_metric = state.best_metric;
  result.best_step = state.best_step;
  result.given_evaluation = state.given_evaluation;
  result.verdict = verdict();
  if (interrupted) {
    checkpoint();
    result.outcome = time_is_up() ? RunOutcome::kTimeIsUp : RunOutcome::kInterrupted;
  }
  if (result.outcome != RunOutcome::kInterrupted) {
    export_to(result.last_model);
    records->guarded([&] { write_history(result.run_directory); });
  }
  if (!interrupted) {
    result.outcome = patient() ? RunOutcome::kFinished : RunOutcome::kStoppedEarly;
  }
  if (records->save_failed()) {
    result.outcome = RunOutcome::kSaveFailed;
  }
  if (state.best_evaluation.samples > 0) {
    result.final_evaluation = state.best_evaluation;
  }
  if (result.outcome != RunOutcome::kInterrupted) {
    judge_best();
  }
  records->show(state, observer.finished(result.run_directory));
  return result;
}

std::string_view to_string(RunOutcome outcome) {
  switch (outcome) {
    case RunOutcome::kFinished:
      return "finished";
    case RunOutcome::kStoppedEarly:
      return "stopped early";
    case RunOutcome::kInterrupted:
      return "interrupted";
    case RunOutcome::kTimeIsUp:
      return "time is up";
    case RunOutcome::kSaveFailed:
      return "save failed";
  }
  return "";
}

Trainer::Trainer(Session& session, RunObserver& observer, bool resume)
    : impl_(std::make_unique<Impl>(session, observer, resume)) {}

Trainer::~Trainer() = default;

MemoryPlan Trainer::prepare() { return impl_->prepare(); }

std::vector<MemoryPlan> Trainer::memory_of_stages() { return impl_->memory_of_stages(); }

RunResult Trainer::run() { return impl_->run(stop_); }

}  // namespace temper::training
