// What a run tells whoever watches it: progress bars, charts and tests. Calls come from the
// training thread, between steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/memory/tensor.h"
#include "training/metrics/set_metrics.h"
#include "training/records/metrics_log.h"

namespace temper::training {

struct RunProgress {
  std::int64_t step = 0;  // applied optimizer steps
  std::int64_t total_steps = 0;
  std::int64_t epoch = 0;  // 0-based
  std::int64_t total_epochs = 0;
  double loss = 0;  // of the last step
  double samples_per_second = 0;
};

// A PNG file in memory; empty where nothing was drawn.
struct DrawnPicture {
  int width = 0;
  int height = 0;
  std::vector<std::byte> png;
};

struct DrawnChart {
  std::string name;  // "charts/loss"
  DrawnPicture picture;
};

class RunObserver {
 public:
  virtual ~RunObserver() = default;
  // Before the first step: the folder everything is written to.
  virtual void started(const std::string& run_directory, const RunProgress& progress) {
    static_cast<void>(run_directory), static_cast<void>(progress);
  }
  virtual void stepped(const RunProgress& progress) { static_cast<void>(progress); }
  // Each line of metrics.jsonl.
  virtual void logged(std::int64_t step, std::int64_t epoch, std::span<const Metric> metrics) {
    static_cast<void>(step), static_cast<void>(epoch), static_cast<void>(metrics);
  }
  // Something a person should know: a skipped step, a checkpoint that could not be written, early
  // stopping.
  virtual void message(std::string_view text) { static_cast<void>(text); }
  // Samples of a generator [N, ...], to be shown `columns` in a row. Who draws them returns the
  // picture, for TensorBoard.
  virtual DrawnPicture sampled(std::int64_t step, const Tensor& samples, std::int64_t columns) {
    static_cast<void>(step), static_cast<void>(samples), static_cast<void>(columns);
    return {};
  }
  // Whether best_judged() is wanted, which costs an evaluation.
  virtual bool judges_best() const { return false; }
  // At the end: all metrics that apply, of the best model on the validation rows.
  virtual void best_judged(const SetMetrics& metrics, const std::vector<std::string>& class_names) {
    static_cast<void>(metrics), static_cast<void>(class_names);
  }
  // After the last file of the run was written. Who draws charts of it returns them, for
  // TensorBoard.
  virtual std::vector<DrawnChart> finished(const std::string& run_directory) {
    static_cast<void>(run_directory);
    return {};
  }
};

}  // namespace temper::training
