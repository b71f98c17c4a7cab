#include "tools/cli/run_watcher.h"

#include <cstdio>
#include <iterator>

#include "runtime/platform/folders.h"
#include "tools/cli/command.h"

namespace temper::cli {

using training::RunOutcome;

void RunWatcher::started(const std::string& run_directory, const training::RunProgress& progress) {
  run_directory_ = run_directory;
  progress_.started(run_directory, progress);
}

void RunWatcher::stepped(const training::RunProgress& progress) {
  progress_.stepped(progress);
  if (signals_.requested()) {
    request_stop_();
  }
}

void RunWatcher::logged(std::int64_t step, std::int64_t,
                        std::span<const training::Metric> metrics) {
  progress_.logged(step, metrics);
}

// From the file, which after a resume also has the lines of before.
std::vector<training::DrawnChart> RunWatcher::finished(const std::string& run_directory) {
  progress_.finished();
  std::vector<training::DrawnChart> drawn;
  if (draws_charts_) {
    draw(" the charts", [&] {
      RunCharts charts;
      charts.read(join_path(run_directory, "metrics.jsonl"));
      std::vector<NamedChart> all = charts.charts();
      std::vector<NamedChart> others = other_charts();
      std::move(others.begin(), others.end(), std::back_inserter(all));
      charts_ = write_charts(all, join_path(run_directory, "charts"));
      drawn = drawn_charts(all);
    });
  }
  return drawn;
}

int tell_end(const RunEnd& end, const RunWatcher& watcher, const StopSignals& signals) {
  const auto steps = static_cast<long long>(end.steps);
  switch (end.outcome) {
    case RunOutcome::kInterrupted:
      std::fprintf(stderr, "stopped by %s after step %lld; go on with: temper train %s --resume\n",
                   signals.signal_name(), steps, end.run_directory.c_str());
      return kStoppedExitCode;
    case RunOutcome::kStoppedEarly:
      std::fprintf(stderr, "stopped early after step %lld: %s did not improve any more\n", steps,
                   end.monitor.c_str());
      break;
    case RunOutcome::kTimeIsUp:
      std::fprintf(stderr,
                   "train.max_time is over after step %lld; go on with: temper train %s --resume "
                   "train.max_time=\"...\"\n",
                   steps, end.run_directory.c_str());
      break;
    case RunOutcome::kSaveFailed:
      return exit_code(ErrorCode::kIo);
    case RunOutcome::kFinished:
      break;
  }
  return watcher.drawing_failed() ? exit_code(ErrorCode::kIo) : 0;
}

}  // namespace temper::cli
