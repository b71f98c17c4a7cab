#include "training/metrics/metric_settings.h"

namespace temper::training {

const std::vector<std::string>& metric_names() {
  static const std::vector<std::string> kNames = {
      "accuracy", "top_k", "precision", "recall", "f1", "auc",       "pr_auc",
      "iou",      "dice",  "mae",       "rmse",   "r2", "perplexity"};
  return kNames;
}

bool less_is_better(std::string_view metric) {
  const std::string_view name = metric.substr(metric.find('/') + 1);
  return name == "loss" || name.starts_with("loss/") || name == "mae" || name == "rmse" ||
         name == "perplexity";
}

}  // namespace temper::training
