#include "training/metrics/task.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace temper::training {

const std::vector<NamedTask>& named_tasks() {
  static const std::vector<NamedTask> kTasks = {{Task::kClassification, "classification"},
                                                {Task::kSegmentation, "segmentation"},
                                                {Task::kLanguage, "language"},
                                                {Task::kBinary, "binary"},
                                                {Task::kMultiLabel, "multi-label"},
                                                {Task::kBinaryMask, "binary masks"},
                                                {Task::kRegression, "regression"}};
  return kTasks;
}

std::vector<std::string> metrics_of(Task task) {
  switch (task) {
    case Task::kNone:
      return {};
    case Task::kClassification:
      return {"accuracy", "top_k", "precision", "recall", "f1", "auc", "pr_auc"};
    case Task::kSegmentation:
    case Task::kBinaryMask:
      return {"accuracy", "precision", "recall", "f1", "iou", "dice"};
    case Task::kLanguage:
      return {"accuracy", "top_k", "perplexity"};
    case Task::kBinary:
      return {"accuracy", "precision", "recall", "f1", "auc", "pr_auc"};
    case Task::kMultiLabel:
      return {"accuracy", "precision", "recall", "f1", "iou", "dice", "auc", "pr_auc"};
    case Task::kRegression:
      return {"mae", "rmse", "r2"};
  }
  return {};
}

std::vector<std::string> default_metrics_of(Task task) {
  switch (task) {
    case Task::kSegmentation:
    case Task::kBinaryMask:
      return {"accuracy", "iou", "dice"};
    case Task::kLanguage:
      return {"accuracy", "perplexity"};
    case Task::kRegression:
      return metrics_of(task);
    case Task::kNone:
      return {};
    default:
      return {"accuracy"};
  }
}

std::vector<std::string> chosen_metrics(Task task, const MetricSettings& settings,
                                        std::int64_t classes) {
  const std::vector<std::string> applying = metrics_of(task);
  if (settings.names.empty()) {
    return default_metrics_of(task);
  }
  std::vector<std::string> chosen;
  const auto choose = [&](const std::string& name) {
    if (std::find(chosen.begin(), chosen.end(), name) == chosen.end()) {
      chosen.push_back(name);
    }
  };
  for (const std::string& name : settings.names) {
    if (name == kAllMetrics) {
      for (const std::string& each : applying) {
        if (each != "top_k" || classes > settings.top_k) {
          choose(each);
        }
      }
      continue;
    }
    TEMPER_CHECK(std::find(applying.begin(), applying.end(), name) != applying.end(),
                 ErrorCode::kInvalidArgument, "metrics.names has \"", name,
                 "\", which does not apply to this loss and output; ",
                 applying.empty() ? "none does" : concat("there are ", join(applying, ", ")));
    choose(name);
  }
  return chosen;
}

std::string logged_name(std::string_view metric, const MetricSettings& settings) {
  return metric == "top_k" ? concat("top", settings.top_k) : std::string(metric);
}

}  // namespace temper::training
