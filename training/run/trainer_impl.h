// The state of a training run and its parts: opening (trainer.cpp), steps (trainer_steps.cpp),
// logging, evaluation and saving (trainer_records.cpp). Private to training/.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/platform/clock.h"
#include "training/objective/loss_totals.h"
#include "training/records/run_records.h"
#include "training/run/trainer.h"
#include "training/run/weight_averaging.h"
#include "training/schedules/run_schedule.h"
#include "training/session/run_metrics.h"

namespace temper::training {

// An executor with the outputs the loop reads looked up once.
struct StepPlan {
  HeldExecutor executor;
  int loss = -1;
  int norm = -1;
  int clipped = -1;  // the norm after clipping by value or tensor; absent without it
  int ok = -1;
  int spike = -1;     // whether the spike guard kept the step from being applied; absent without it
  int accuracy = -1;  // absent where nothing is right or wrong
  std::vector<int> loss_sums;  // LossTotals::places()
  const GraphPorts* ports = nullptr;

  StepPlan(HeldExecutor made, const GraphPorts& places);
  double number(int output) const;
};

// The end of stage `stage` in epochs; with -1 of the last one.
std::int64_t stage_end(const Recipe& recipe, int stage);

// Seconds a run has been going on, over all its parts.
class RunClock {
 public:
  // `before`: what earlier parts took.
  void begin(double before) {
    before_ = before;
    began_ = steady_seconds();
  }
  double seconds() const { return began_ < 0 ? before_ : before_ + steady_seconds() - began_; }

 private:
  double before_ = 0;
  double began_ = -1;
};

struct Trainer::Impl {
  Impl(Session& session_, RunObserver& observer_, bool resume_)
      : session(session_), observer(observer_), recipe(session_.recipe()), resume(resume_) {}

  Session& session;
  RunObserver& observer;
  const Recipe& recipe;
  const bool resume;
  bool prepared = false;
  RunState state;
  RunResult result;
  MetricTask metrics_task;
  MetricSettings metrics;  // of validation
  bool maximize = false;   // whether more of the monitored metric is better
  RunSchedule schedule;    // its plateau is the state's
  AveragePlan average;
  std::int64_t refreshed_at = -1;  // updates of the averages when their statistics were last taken
  // The rate of an applied step in a rehearsal's sweep; empty: the schedule's.
  std::function<double(std::int64_t)> swept_rate;
  std::int64_t steps_per_epoch = 1;
  std::int64_t total_steps = 0;
  std::int64_t total_epochs = 0;
  std::unique_ptr<RunRecords> records;
  std::unique_ptr<BatchLoader> loader;
  double log_began = 0;
  std::int64_t log_samples = 0;
  std::int64_t log_first_step = 0;
  LossTotals losses;
  double step_loss = 0;        // of the last step
  AccuracyCount step_count;    // of the last step
  double spike_limit_now = 0;  // of the step that runs
  RunClock run_clock;
  double last_save = 0;          // running time at the last checkpoint
  double epoch_began = 0;        // running time
  int stage = -1;                // of recipe.stages; -1: none was entered yet
  std::int64_t rates_until = 0;  // applied steps whose rates are in the device's table
  std::map<std::pair<GraphKind, std::int64_t>, StepPlan> plans;
  const StepPlan* last_plan = nullptr;  // of the last step

  // trainer.cpp
  MemoryPlan prepare();
  void settle_length();
  void open_run();
  void settle_changed_length();
  void settle_metrics();
  RunResult run(const std::atomic<bool>& stop);
  RunResult finish(bool interrupted);
  bool saves(bool epoch_end) const;
  bool time_is_up() const;

  // trainer_stages.cpp
  // Makes the stage of this epoch the current one: its trainable set and rates.
  void enter_stage(std::int64_t epoch);
  std::vector<MemoryPlan> memory_of_stages();
  double stage_rate() const;

  // The optimizer's own rate.
  double base_lr() const { return recipe.optimizer.parameters.get_double("lr", 0); }

  // trainer_steps.cpp
  void refill_rates();
  void count_right(const StepPlan& plan);
  // The rate of an applied step of a group without a rate of its own.
  double rate(std::int64_t applied, double base) const;
  std::int64_t group_size() const;
  // The rows of a group of so many micro-batches.
  std::int64_t group_rows(std::int64_t group) const;
  const StepPlan& step_plan(GraphKind kind, std::int64_t rows);
  // Micro-batch i of a group of `group`.
  GraphKind kind_of(std::int64_t i, std::int64_t group) const;
  // One optimizer step: one batch, or a group of micro-batches. Returns its number of samples.
  std::int64_t step();
  // The loss scale that coming steps use; 0 without loss scaling.
  double loss_scale() const;
  // Whether a step that is not finite is one of the overflows by which a dynamic loss scale finds
  // its place.
  bool scale_still_falls() const;
  // The norm of the gradients that the optimizer got.
  double clipped_norm(const StepPlan& plan) const;
  void finish_step(const StepPlan& plan, double loss, const DataPosition& begin,
                   std::int64_t first_sample);
  [[noreturn]] void fail_diverged(const DataPosition& begin, std::int64_t first_sample, double loss,
                                  const std::string& why);
  std::string first_bad_node(const DataPosition& begin, std::int64_t first_sample);

  // trainer_spikes.cpp
  // Before a step.
  void set_spike_limit();
  // The number that the spike guard watches.
  double watched(double loss) const {
    return recipe.train.spike.of == "loss" ? loss : state.last_norm;
  }
  std::string spike_text(double value) const;
  void watch_applied_step(double value);
  void after_spike(double value);
  // With train.spike = "rollback": this state is the one to go back to.
  void keep_snapshot();

  // trainer_averages.cpp
  // After an applied step.
  void count_average_update();
  // Calls `act`, with the averages in the place of the weights where they are wanted and there.
  void with_averages(bool wanted, const std::function<void()>& act);

  // trainer_rehearsal.cpp
  void rehearse(std::int64_t steps, const RateSweep* sweep, const StepWatcher& watcher);

  // trainer_records.cpp
  void log_step();
  // The loss and accuracy of the steps since the last line, at an epoch's end of the epoch.
  void log_training(std::vector<Metric>& line);
  void write_histograms();
  void restart_clock();
  void evaluate_now();
  // The model before the first step, where there is validation data to measure it on: the first
  // candidate for the best.
  void evaluate_given();
  void validate();
  void count_candidate(double value);
  bool better(double value, double than) const { return maximize ? value > than : value < than; }
  // Whether training made the model any better.
  std::string verdict() const;
  void judge_best();
  bool patient() const;
  double monitored() const;
  void export_to(const std::string& path);
  void keep_top(double value);
  void checkpoint();
  void report_progress(std::int64_t samples);
};

}  // namespace temper::training
