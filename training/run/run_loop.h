// The loop of every run: opens or resumes it, issues steps and takes in their reports, logs, saves,
// stops. What a step is, is said by a RunSteps. Threading: run() belongs to one thread;
// request_stop() may be called from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/platform/clock.h"
#include "training/records/run_observer.h"
#include "training/run/loading_watch.h"
#include "training/run/run_clock.h"
#include "training/run/run_context.h"
#include "training/run/run_outcome.h"
#include "training/run/run_steps.h"

namespace temper::training {

class RunLoop {
 public:
  // `resume`: go on in recipe.train.out (a run directory) from its newest checkpoint. The context
  // and the steps outlive the loop.
  RunLoop(RunContext& context, RunSteps& steps, bool resume, SecondsSource now = steady_seconds);

  // THROWS: kDiverged, kIo, kInvalidModel, ... what was saved before stays. Called once.
  RunOutcome run();
  // Of the steps of this run up to the last logged line.
  LoadingSpeed loading() const { return loading_.whole(); }
  // Ends the run after the current step, with a checkpoint.
  void request_stop() { stop_.store(true, std::memory_order_relaxed); }

 private:
  void open();
  RunOutcome run_opened();
  // To whoever reads of a device that failed or was full: what is saved.
  void tell_what_is_saved(Error& error) const;
  void settle_length();
  // Why the run ends before another step; empty: it goes on.
  std::optional<RunOutcome> end() const;
  bool time_is_up() const;
  // What the clocks and signals of one rank say goes for all, so that all do the same.
  bool on_any_rank(bool here) const;
  void take_step();
  // Until no more than `left` steps are without a report.
  void take_reports(std::int64_t left);
  void take_report(const IssuedStep& step);
  bool has_line(const IssuedStep& step) const;
  void log(const IssuedStep& step);
  void restart_window(std::int64_t step);
  bool saves(const IssuedStep& step) const;
  void checkpoint();
  RunProgress progress(std::int64_t step, std::int64_t epoch) const;
  RunOutcome finish(RunOutcome reason);

  RunContext& context_;
  RunSteps& steps_;
  const bool resume_;
  std::atomic<bool> stop_{false};
  std::vector<IssuedStep> without_report_;  // the oldest first
  RunClock clock_;
  StepWindow window_;
  LoadingWatch loading_;
  std::optional<double> time_limit_;  // seconds
  std::int64_t total_steps_ = 0;
  std::int64_t saved_step_ = -1;  // of the newest checkpoint; -1: there is none
  double saved_at_ = 0;           // running time of the last checkpoint, or where this part began
  double epoch_began_ = 0;
};

}  // namespace temper::training
