// What a model's output and its target are, as metrics see them, and which metrics that allows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "training/metrics/metric_spec.h"

namespace temper::training {

// Targets of classes are i64 labels, or floats of the output's shape whose largest one along axis 1
// is the label.
enum class Task {
  kNone,            // a loss whose output no metric reads
  kClassification,  // output [N, C], labels [N]
  kSegmentation,    // output [N, C, d1, d2, ...], labels [N, d1, d2, ...]
  kLanguage,        // output [N, C, L], labels [N, L]
  kBinary,          // one output per sample, a target 0 or 1
  kMultiLabel,      // output and target [N, L, ...]
  kBinaryMask,      // output and target [N, 1, d1, d2, ...]
  kRegression,      // output and target [N, ...]
};

// What the outputs are.
enum class Scores {
  kLogits,            // of a regression: the values themselves
  kLogProbabilities,  // of a regression: the values' logarithms
  kProbabilities,
};

// All tasks with what people call them: "binary".
struct NamedTask {
  Task task;
  std::string_view name;
};
const std::vector<NamedTask>& named_tasks();

// Names of settings that may be computed for a task; empty for kNone.
std::vector<std::string> metrics_of(Task task);
// Those that are computed when none is named: what costs little and says most.
std::vector<std::string> default_metrics_of(Task task);
// What `settings.names` means: the defaults when it is empty, all that apply for "all". top_k of as
// many classes or fewer tells nothing and is not part of "all". THROWS: kInvalidArgument for a
// metric that does not apply, with those that do.
std::vector<std::string> chosen_metrics(Task task, const MetricSettings& settings,
                                        std::int64_t classes);
// "top_k" as it is logged: "top5". Other names are logged as they are.
std::string logged_name(std::string_view metric, const MetricSettings& settings);

}  // namespace temper::training
