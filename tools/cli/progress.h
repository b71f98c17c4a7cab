// The progress of a run on stderr: one bar that redraws itself on a terminal, a line per epoch
// elsewhere.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/platform/processor_load.h"
#include "training/records/run_observer.h"

namespace temper::cli {

// Whether steps wait so much for their batches that a person should know.
inline bool is_starving(double wait_share) { return wait_share >= 0.1; }

class Progress {
 public:
  // `expects_validation`: an epoch's line waits for the validation that follows its last step.
  // `quiet`: messages only. `shown`: the metrics of an epoch's line.
  Progress(bool expects_validation, bool quiet,
           std::vector<std::string> shown = {"train/loss", "train/accuracy", "val/loss",
                                             "val/accuracy"});

  void started(const std::string& run_directory, const training::RunProgress& progress);
  void stepped(const training::RunProgress& progress);
  void logged(std::int64_t step, std::span<const training::Metric> metrics);
  void message(std::string_view text);
  // Takes the bar away.
  void finished();

 private:
  void draw_bar();
  void clear_bar();
  void print_line(std::int64_t step);
  double seconds_left() const;
  std::string loader_text() const;
  // What other programs have used since the last call that measured, or "".
  std::string busy_text();

  std::vector<std::string> shown_;
  bool expects_validation_;
  bool quiet_;
  bool bar_;  // a terminal, and not quiet
  bool bar_shown_ = false;
  bool epoch_ended_ = false;
  double last_draw_ = 0;
  double began_ = 0;
  std::int64_t first_step_ = 0;
  ProcessorTimes measured_;
  std::string busy_text_;
  training::RunProgress progress_;
  std::map<std::string, double, std::less<>> latest_;
};

}  // namespace temper::cli
