#include "training/metrics/metric_spec.h"

#include <algorithm>

namespace temper::training {
namespace {

constexpr const char* kShare = "0 to 1";
constexpr const char* kClasses = "metrics.average, metrics.threshold";

}  // namespace

const std::vector<MetricSpec>& metric_specs() {
  static const std::vector<MetricSpec> kSpecs = {
      {"accuracy", "right or wrong", "share of predictions that are right",
       "classes of about equal size; with 99% of one class, always saying that class has 0.99",
       kShare, "metrics.threshold"},
      {"top_k", "right or wrong", "share of samples whose class is among the k highest scores",
       "many classes, or a person who picks from a few suggestions", kShare, "metrics.top_k"},
      {"precision", "right or wrong",
       "of those predicted as a class, the share that is: TP / (TP + FP)",
       "false alarms are what costs; alone it is high for a model that hardly ever says yes",
       kShare, kClasses},
      {"recall", "right or wrong", "of those that are of a class, the share found: TP / (TP + FN)",
       "misses are what costs; alone it is 1 for a model that always says yes", kShare, kClasses},
      {"f1", "right or wrong", "harmonic mean of precision and recall",
       "rare classes, when both false alarms and misses count; macro gives each class one voice",
       kShare, kClasses},
      {"auc", "ranking", "probability that a positive has a higher score than a negative (ROC-AUC)",
       "how well scores rank, whatever the threshold; looks good when positives are very rare, see "
       "pr_auc",
       "0 to 1, chance 0.5", ""},
      {"pr_auc", "ranking", "mean precision over all recalls (average precision)",
       "rare positives; chance is their share, so compare it on the same data only", kShare, ""},
      {"iou", "overlap", "of predicted or true pixels of a class, the share that is both (Jaccard)",
       "segmentation, over all pixels of the set; strict with small errors at borders", kShare,
       "metrics.threshold"},
      {"dice", "overlap", "2 |both| / (|predicted| + |true|), f1 of pixels",
       "segmentation as medicine reports it; ranks models as iou does, with higher numbers", kShare,
       "metrics.threshold"},
      {"mae", "regression", "mean absolute error, in the target's unit",
       "what a prediction is off by; every unit of error counts alike", "0 and up", "", true},
      {"rmse", "regression", "root of the mean squared error, in the target's unit",
       "large errors are what costs; one outlier can decide it", "0 and up", "", true},
      {"r2", "regression", "1 - squared error / variance of the targets",
       "to compare across targets of different units; 0 is as good as always saying the mean",
       "below 0 to 1", ""},
      {"perplexity", "language", "exp of the mean cross-entropy of the tokens",
       "language models with the same tokens: between how many tokens the model wavers", "1 and up",
       "", true},
  };
  return kSpecs;
}

const std::vector<std::string>& metric_names() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    for (const MetricSpec& spec : metric_specs()) {
      names.push_back(spec.name);
    }
    return names;
  }();
  return kNames;
}

bool less_is_better(std::string_view metric) {
  const std::string_view name = metric.substr(metric.find('/') + 1);
  return name == "loss" || name.starts_with("loss/") ||
         std::any_of(metric_specs().begin(), metric_specs().end(), [&](const MetricSpec& spec) {
           return spec.less_is_better && spec.name == name;
         });
}

}  // namespace temper::training
