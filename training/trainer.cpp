#include "training/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "graph/onnx/export.h"
#include "runtime/base/error.h"
#include "runtime/platform/folders.h"
#include "runtime/platform/run_lock.h"
#include "training/logging/tensorboard_log.h"
#include "training/run_directory.h"
#include "training/schedules/schedule.h"

namespace temper::training {
namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class T>
T& scalar(VariableStore& store, const char* name) {
  return store.tensor(store.find(name)).span<T>()[0];
}

// An executor with the outputs the loop reads looked up once.
struct StepPlan {
  Executor* executor = nullptr;
  int loss = -1;
  int norm = -1;
  int ok = -1;

  explicit StepPlan(Executor& made)
      : executor(&made),
        loss(made.plan().find_output("loss")),
        norm(made.plan().find_output("grad_norm")),
        ok(made.plan().find_output("ok")) {}

  double number(int output) const {
    const Tensor& tensor = executor->output(output);
    return visit_float(tensor.dtype(), [&]<class T>() {
      return static_cast<double>(tensor.span<T>()[0]);
    });
  }
};

}  // namespace

struct Trainer::Impl {
  Impl(Session& session_, RunObserver& observer_, bool resume_)
      : session(session_), observer(observer_), recipe(session_.recipe()), resume(resume_) {}

  Session& session;
  RunObserver& observer;
  const Recipe& recipe;
  bool resume;
  bool prepared = false;
  RunState state;
  RunResult result;
  ScheduleClock clock;
  std::int64_t steps_per_epoch = 1;
  std::int64_t total_steps = 0;
  std::int64_t total_epochs = 0;
  std::unique_ptr<RunLock> lock;
  std::unique_ptr<MetricsLog> metrics;
  std::unique_ptr<TensorBoardLog> tensorboard;
  std::unique_ptr<BatchLoader> loader;
  double log_began = 0;
  std::int64_t log_samples = 0;
  std::int64_t log_first_step = 0;
  bool save_failed = false;
  double step_loss = 0;  // of the last step
  std::int64_t rates_until = 0;

  MemoryPlan prepare() {
    if (!prepared) {
      session.engine().prepare(session.requests());
      settle_length();
      prepared = true;
    }
    return session.engine().memory();
  }

  void settle_length() {
    const std::int64_t batches = session.batches_per_epoch();
    steps_per_epoch = (batches + recipe.train.accumulate - 1) / recipe.train.accumulate;
    total_steps = recipe.train.steps > 0 ? recipe.train.steps : recipe.train.epochs * steps_per_epoch;
    total_epochs = (total_steps + steps_per_epoch - 1) / steps_per_epoch;
    clock.schedule = &find_schedule(recipe.schedule.schedule.name);
    clock.parameters = recipe.schedule.schedule.parameters;
    clock.per_epoch = recipe.schedule.per == "epoch";
    clock.steps_per_epoch = steps_per_epoch;
    clock.total_steps = total_steps;
    clock.warmup_steps = parse_warmup(recipe.schedule.warmup, steps_per_epoch, total_steps);
    clock.lr = recipe.optimizer.parameters.get_double("lr", 0);
    result.monitor = !recipe.checkpoint.monitor.empty() ? recipe.checkpoint.monitor
                     : session.has_validation()         ? "val/loss"
                                                        : "train/loss";
  }

  void open_run() {
    result.run_directory = make_run_directory(recipe, resume);
    lock = std::make_unique<RunLock>(result.run_directory);
    const std::string checkpoints = join_path(result.run_directory, "checkpoints");
    make_directories(checkpoints);
    remove_stale_temporaries(checkpoints);
    remove_stale_temporaries(result.run_directory);
    const RunIdentity identity = run_identity(session);
    bool resumed = false;
    if (resume) {
      std::vector<std::string> notes;
      const auto loaded = load_newest_checkpoint(result.run_directory, session.engine().store(), notes);
      for (const std::string& note : notes) {
        observer.message(note);
      }
      if (loaded) {
        require_same_run(identity, *loaded);
        state = *loaded;
        resumed = true;
      } else {
        observer.message("there is no checkpoint yet: starting from the beginning");
      }
    }
    state.recipe_hash = identity.recipe_hash;
    state.data_fingerprint = identity.data_fingerprint;
    state.numerics = identity.numerics;
    if (!resumed) {
      write_run_recipe(result.run_directory, recipe);
    }
    const std::string log_path = join_path(result.run_directory, "metrics.jsonl");
    metrics = std::make_unique<MetricsLog>(log_path, resumed ? state.metrics_bytes : 0);
    if (recipe.log.tensorboard) {
      tensorboard = std::make_unique<TensorBoardLog>(join_path(result.run_directory, "tensorboard"),
                                                     state.attempted);
    }
    result.best_model = join_path(result.run_directory, "best.onnx");
    result.last_model = join_path(result.run_directory, "last.onnx");
    loader = session.make_train_loader(state.data);
  }

  // The device reads the rate of applied step s at s % kRateSlots: keep the coming ones written.
  void fill_rates() {
    if (state.applied < rates_until) {
      return;
    }
    VariableStore& store = session.engine().store();
    const auto rates = store.tensor(store.find(kRatesVariable)).span<double>();
    for (std::int64_t step = state.applied; step < state.applied + kRateSlots; ++step) {
      rates[static_cast<std::size_t>(step % kRateSlots)] = clock.lr * clock.factor(step);
    }
    rates_until = state.applied + kRateSlots;
  }

  // One optimizer step: one batch, or a group of micro-batches. Returns its number of samples.
  std::int64_t step() {
    fill_rates();
    const std::int64_t accumulate = recipe.train.accumulate;
    std::int64_t group = 1;
    if (accumulate > 1) {
      const std::int64_t done = state.data.position / recipe.data.batch_size;
      group = std::min(accumulate, session.batches_per_epoch() - done);
      VariableStore& store = session.engine().store();
      Tensor& count = store.tensor(store.find(kGroupVariable));
      store.set(store.find(kGroupVariable), Tensor::scalar(count.dtype(), group));
    }
    std::int64_t samples = 0;
    double loss_sum = 0;
    for (std::int64_t i = 0; i < group; ++i) {
      const Batch* batch = loader->next();
      const GraphKind kind = accumulate == 1  ? GraphKind::kTrain
                             : i + 1 == group ? GraphKind::kLast
                                              : GraphKind::kMicro;
      const StepPlan& plan = step_plan(kind, batch->rows);
      session.bind(*plan.executor, *batch);
      plan.executor->run();
      loss_sum += plan.number(plan.loss);
      samples += batch->rows;
      AccuracyCount count{state.correct, state.counted};
      if (count_batch(session, *plan.executor, *batch, count)) {
        state.correct = count.correct;
        state.counted = count.total;
      }
      state.data = batch->end;
      if (i + 1 == group) {
        finish_step(plan, loss_sum / static_cast<double>(group));
      }
    }
    return samples;
  }

  void finish_step(const StepPlan& plan, double loss) {
    ++state.attempted;
    step_loss = loss;
    state.last_norm = plan.number(plan.norm);
    if (plan.executor->output(plan.ok).span<bool>()[0]) {
      ++state.applied;
      state.consecutive_skips = 0;
      state.loss_sum += loss;
      ++state.loss_steps;
      return;
    }
    ++state.skipped;
    ++state.consecutive_skips;
    const bool stop = recipe.train.on_nonfinite == "stop" ||
                      state.consecutive_skips >= recipe.train.max_consecutive_skips;
    if (stop) {
      const int bad = plan.executor->first_non_finite_step();
      fail(ErrorCode::kDiverged, "step ", state.attempted, " gave a non-finite ",
           std::isfinite(loss) ? "gradient" : "loss", state.consecutive_skips > 1
               ? concat(" (", state.consecutive_skips, " skipped steps in a row)") : "",
           "; the first bad values come from ",
           bad < 0 ? "the batch itself" : plan.executor->plan().steps[static_cast<std::size_t>(bad)].origin,
           "; try a lower optimizer.lr or clip.norm = 1.0");
    }
    observer.message(concat("step ", state.attempted, " was skipped: its ",
                            std::isfinite(loss) ? "gradient" : "loss", " is not finite"));
  }

  const StepPlan& step_plan(GraphKind kind, std::int64_t rows) {
    const auto key = std::make_pair(kind, rows);
    const auto known = plans.find(key);
    if (known != plans.end()) {
      return known->second;
    }
    return plans.emplace(key, StepPlan(session.engine().executor(session.request(kind, rows))))
        .first->second;
  }
  std::map<std::pair<GraphKind, std::int64_t>, StepPlan> plans;

  void write_metrics(std::span<const Metric> line) {
    try {
      metrics->write(state.attempted, state.data.epoch, line);
      state.metrics_bytes = metrics->offset();
      if (tensorboard != nullptr) {
        tensorboard->write(state.attempted, line);
      }
    } catch (const Error& error) {
      save_trouble(error);
    }
    observer.logged(state.attempted, state.data.epoch, line);
  }

  // Training goes on when something cannot be written; the exit code says so in the end.
  void save_trouble(const Error& error) {
    if (error.code() != ErrorCode::kIo) {
      throw error;
    }
    save_failed = true;
    observer.message(concat("could not save: ", error.message()));
  }

  void log_step() {
    const double now = seconds_now();
    const double elapsed = std::max(now - log_began, 1e-9);
    std::vector<Metric> line;
    if (state.loss_steps > 0) {
      line.push_back({"train/loss", state.loss_sum / static_cast<double>(state.loss_steps)});
    }
    if (state.counted > 0) {
      line.push_back({"train/accuracy",
                      static_cast<double>(state.correct) / static_cast<double>(state.counted)});
    }
    const std::int64_t last = std::max<std::int64_t>(state.applied - 1, 0);
    line.push_back({"opt/lr", clock.lr * clock.factor(last)});
    line.push_back({"opt/grad_norm", state.last_norm});
    if (state.skipped > 0) {
      line.push_back({"opt/skipped", static_cast<double>(state.skipped)});
    }
    line.push_back({"perf/samples_per_s", static_cast<double>(log_samples) / elapsed});
    line.push_back({"perf/step_ms", elapsed * 1e3 /
                                        static_cast<double>(std::max<std::int64_t>(
                                            state.attempted - log_first_step, 1))});
    write_metrics(line);
    last_train_loss = state.loss_steps > 0 ? line.front().value : last_train_loss;
    state.loss_sum = 0;
    state.loss_steps = 0;
    state.correct = 0;
    state.counted = 0;
    restart_clock();
  }

  void restart_clock() {
    log_began = seconds_now();
    log_samples = 0;
    log_first_step = state.attempted;
  }
  double last_train_loss = 0;

  // Validation, best model, patience. Returns false when patience has run out.
  bool evaluate_now() {
    double monitored = last_train_loss;
    if (session.has_validation()) {
      const auto val = session.make_val_loader();
      const Evaluation evaluation = evaluate(session, *val);
      std::vector<Metric> line = {{"val/loss", evaluation.loss}};
      monitored = evaluation.loss;
      if (evaluation.has_accuracy) {
        line.push_back({"val/accuracy", evaluation.accuracy.value()});
        monitored = result.monitor == "val/accuracy" ? evaluation.accuracy.value() : monitored;
      }
      write_metrics(line);
      result.final_evaluation = evaluation;
      result.has_evaluation = true;
    }
    restart_clock();
    const bool maximize = recipe.checkpoint.mode == "max" ||
                          (recipe.checkpoint.mode == "min" && result.monitor == "val/accuracy");
    const bool better = !state.has_best || (maximize ? monitored > state.best_metric
                                                     : monitored < state.best_metric);
    if (std::isfinite(monitored) && better) {
      state.has_best = true;
      state.best_metric = monitored;
      state.best_step = state.attempted;
      state.bad_evaluations = 0;
      best_evaluation = result.final_evaluation;
      export_to(result.best_model);
    } else {
      ++state.bad_evaluations;
    }
    return recipe.checkpoint.patience == 0 || state.bad_evaluations < recipe.checkpoint.patience;
  }
  Evaluation best_evaluation;

  void export_to(const std::string& path) {
    try {
      graph::export_model(session.model(), session.engine().model_values(), path);
    } catch (const Error& error) {
      save_trouble(error);
    }
  }

  void checkpoint() {
    try {
      save_checkpoint(result.run_directory, session.engine().store(), state, recipe.checkpoint.keep);
    } catch (const Error& error) {
      save_trouble(error);
    }
  }

  void report_progress(std::int64_t samples) {
    log_samples += samples;
    RunProgress progress;
    progress.step = state.attempted;
    progress.total_steps = total_steps;
    progress.epoch = state.data.epoch;
    progress.total_epochs = total_epochs;
    progress.loss = step_loss;
    progress.samples_per_second =
        static_cast<double>(log_samples) / std::max(seconds_now() - log_began, 1e-9);
    observer.stepped(progress);
  }

  RunResult run(const std::atomic<bool>& stop) {
    prepare();
    open_run();
    RunProgress begin;
    begin.step = state.attempted;
    begin.total_steps = total_steps;
    begin.total_epochs = total_epochs;
    observer.started(result.run_directory, begin);
    restart_clock();
    bool patient = true;
    bool evaluated = false;
    while (state.attempted < total_steps && patient && !stop.load(std::memory_order_relaxed)) {
      report_progress(step());
      const bool epoch_end = state.data.position == 0;
      const bool last = state.attempted >= total_steps;
      if (state.attempted % recipe.log.every == 0 || last || epoch_end) {
        log_step();
      }
      const bool evaluates = recipe.train.eval_every > 0
                                 ? state.attempted % recipe.train.eval_every == 0
                                 : epoch_end;
      evaluated = evaluates || last;
      if (evaluated) {
        patient = evaluate_now();
      }
      const bool saves = recipe.checkpoint.every > 0
                             ? state.attempted % recipe.checkpoint.every == 0
                             : epoch_end;
      if (saves || last || !patient) {
        checkpoint();
      }
    }
    return finish(patient, stop.load(std::memory_order_relaxed) && state.attempted < total_steps);
  }

  RunResult finish(bool patient, bool interrupted) {
    result.steps = state.attempted;
    result.skipped = state.skipped;
    result.best_metric = state.best_metric;
    if (interrupted) {
      checkpoint();
      result.outcome = RunOutcome::kInterrupted;
    } else {
      export_to(result.last_model);
      result.outcome = !patient ? RunOutcome::kStoppedEarly : RunOutcome::kFinished;
    }
    if (save_failed) {
      result.outcome = RunOutcome::kSaveFailed;
    }
    if (best_evaluation.samples > 0) {
      result.final_evaluation = best_evaluation;
    }
    observer.finished(result.run_directory);
    return result;
  }
};

Trainer::Trainer(Session& session, RunObserver& observer, bool resume)
    : impl_(std::make_unique<Impl>(session, observer, resume)) {}

Trainer::~Trainer() = default;

MemoryPlan Trainer::prepare() { return impl_->prepare(); }

RunResult Trainer::run() { return impl_->run(stop_); }

}  // namespace temper::training
