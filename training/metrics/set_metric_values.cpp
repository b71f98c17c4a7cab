// What follows from the counts of a whole set: the figures of each class and the metrics by name.
#include <algorithm>
#include <cmath>
#include <limits>

#include "training/metrics/set_metrics.h"

namespace temper::training {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

Ranking SetMetrics::ranking(std::int64_t column) const {
  std::vector<ScoredSample> samples;
  const auto stride = static_cast<std::size_t>(columns_);
  samples.reserve(scores_kept_.size() / stride);
  for (auto i = static_cast<std::size_t>(column); i < scores_kept_.size(); i += stride) {
    samples.push_back({scores_kept_[i], positive_[i] != 0});
  }
  return rank(samples);
}

// Over the classes or labels that have both positives and negatives; NaN when none has.
double SetMetrics::ranked_mean(bool roc) const {
  double sum = 0;
  int counted = 0;
  for (std::int64_t c = 0; keeps_scores() && c < columns_; ++c) {
    const Ranking ranked = ranking(c);
    if (ranked.ranks()) {
      sum += roc ? ranked.roc_auc() : ranked.average_precision();
      ++counted;
    }
  }
  return counted == 0 ? kNan : sum / counted;
}

std::vector<ClassCounts> SetMetrics::class_counts() const {
  return labels_.empty() ? confusion_.per_class() : labels_;
}

std::vector<ClassFigures> SetMetrics::class_figures() const {
  std::vector<ClassFigures> figures;
  for (const ClassCounts& counts : class_counts()) {
    figures.push_back({counts, kNan, kNan});
  }
  for (std::int64_t c = 0; keeps_scores() && c < columns_; ++c) {
    const Ranking ranked = ranking(c);
    // A binary task ranks its positive class, the second of the table.
    ClassFigures& of = figures[static_cast<std::size_t>(task_ == Task::kBinary ? 1 : c)];
    if (ranked.ranks()) {
      of.auc = ranked.roc_auc();
      of.pr_auc = ranked.average_precision();
    }
  }
  return figures;
}

bool SetMetrics::value_of(const std::string& name, double& value) const {
  const bool of_positive = task_ == Task::kBinary || task_ == Task::kBinaryMask;
  const auto figure = [&](double (ClassCounts::*f)() const, std::string_view how) {
    const std::vector<ClassCounts> classes = class_counts();
    return of_positive ? (classes[1].*f)() : average(classes, f, how);
  };
  value = name == "accuracy"     ? double(right_) / double(counted_)
          : name == "top_k"      ? double(top_hits_) / double(counted_)
          : name == "precision"  ? figure(&ClassCounts::precision, settings_.average)
          : name == "recall"     ? figure(&ClassCounts::recall, settings_.average)
          : name == "f1"         ? figure(&ClassCounts::f1, settings_.average)
          : name == "iou"        ? figure(&ClassCounts::iou, "macro")
          : name == "dice"       ? figure(&ClassCounts::f1, "macro")
          : name == "auc"        ? ranked_mean(true)
          : name == "pr_auc"     ? ranked_mean(false)
          : name == "mae"        ? errors_.mae()
          : name == "rmse"       ? errors_.rmse()
          : name == "r2"         ? (errors_.samples() < 2 ? kNan : errors_.r2())
          : name == "perplexity" ? std::exp(-log_likelihood_ / double(counted_))
                                 : kNan;
  return !std::isnan(value);
}

std::vector<std::string> SetMetrics::value_names() const {
  std::vector<std::string> names;
  for (const std::string& name : chosen_) {
    names.push_back(logged_name(name, settings_));
  }
  return names;
}

std::vector<MetricValue> SetMetrics::values() const {
  std::vector<MetricValue> values;
  for (const std::string& name : chosen_) {
    double value = 0;
    if (value_of(name, value)) {
      values.push_back({logged_name(name, settings_), value});
    }
  }
  return values;
}

}  // namespace temper::training
