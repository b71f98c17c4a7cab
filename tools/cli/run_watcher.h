// What `temper train` does with a run of either kind while it goes on and when it has ended:
// progress, signals, charts, the last words and the exit code.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/platform/signals.h"
#include "tools/cli/named_chart.h"
#include "tools/cli/progress.h"
#include "tools/cli/run_charts.h"
#include "training/recipe/recipe.h"
#include "training/records/run_observer.h"
#include "training/run/run_outcome.h"

namespace temper::cli {

class RunWatcher : public training::RunObserver {
 public:
  RunWatcher(const training::Recipe& recipe, const StopSignals& signals, Progress progress)
      : signals_(signals),
        draws_charts_(recipe.log.charts && charts::why_no_charts().empty()),
        why_no_charts_(recipe.log.charts ? charts::why_no_charts() : std::string()),
        progress_(std::move(progress)) {}

  // What ends the run after its step when a signal arrived.
  void stop_by(std::function<void()> request_stop) { request_stop_ = std::move(request_stop); }
  const std::vector<std::string>& charts() const { return charts_; }
  // "", or why the charts that were asked for are missing.
  const std::string& why_no_charts() const { return why_no_charts_; }
  bool drawing_failed() const { return drawing_failed_; }

  void started(const std::string& run_directory, const training::RunProgress& progress) override;
  void stepped(const training::RunProgress& progress) override;
  void logged(std::int64_t step, std::int64_t epoch,
              std::span<const training::Metric> metrics) override;
  void message(std::string_view text) override { progress_.message(text); }
  std::vector<training::DrawnChart> finished(const std::string& run_directory) override;

 protected:
  bool draws_charts() const { return draws_charts_; }
  const std::string& run_directory() const { return run_directory_; }
  // Charts beside those of the metrics, at the end.
  virtual std::vector<NamedChart> other_charts() { return {}; }
  // Draws; trouble with writing does not end the run, it is told and the exit code shows it.
  template <class Draw>
  void draw(std::string_view what, Draw draw_it) {
    try {
      draw_it();
    } catch (const Error& error) {
      drawing_failed_ = true;
      progress_.message(concat("could not draw", what, ": ", error.message()));
    }
  }

 private:
  const StopSignals& signals_;
  bool draws_charts_;
  std::string why_no_charts_;
  Progress progress_;
  std::function<void()> request_stop_;
  std::string run_directory_;
  std::vector<std::string> charts_;
  bool drawing_failed_ = false;
};

struct RunEnd {
  training::RunOutcome outcome = training::RunOutcome::kFinished;
  std::int64_t steps = 0;
  std::string run_directory;
  std::string monitor;  // the metric whose patience may run out
};

// Says on stderr how the run ended, where that is not as planned. Returns the exit code.
int tell_end(const RunEnd& end, const RunWatcher& watcher, const StopSignals& signals);

}  // namespace temper::cli
