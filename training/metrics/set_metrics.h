// All metrics of a set, gathered batch by batch and computed over the whole of it, never averaged
// over batches.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/memory/tensor.h"
#include "training/metrics/confusion_matrix.h"
#include "training/metrics/metric_spec.h"
#include "training/metrics/ranking.h"
#include "training/metrics/regression_sums.h"
#include "training/metrics/task.h"

namespace temper::training {

// Scores are kept for AUC up to so many values (64 MiB); larger sets have no AUC.
inline constexpr std::size_t kMostKeptScores = std::size_t{1} << 23;
// Beyond so many classes (32 MiB) only each class's own counts are kept, not who is taken for whom.
inline constexpr std::int64_t kMostConfusionClasses = 2048;

// Of a regression of one value per sample the first so many samples are kept, for a chart.
inline constexpr std::size_t kMostKeptValues = 200;

struct KeptValue {
  double predicted = 0;
  double wanted = 0;
};

struct MetricValue {
  std::string name;  // "f1", "top5"
  double value = 0;
};

struct ClassFigures {
  ClassCounts counts;
  double auc = 0;     // NaN: the class has no positives or no negatives, or no scores are kept
  double pr_auc = 0;  // NaN likewise
};

class SetMetrics {
 public:
  SetMetrics() = default;
  // `classes`: of the labels, or the labels of a multi-label target; for regression the values per
  // sample. Labels equal to `ignore_index` do not count.
  SetMetrics(Task task, Scores scores, std::int64_t classes, MetricSettings settings,
             std::int64_t ignore_index = -100);

  Task task() const { return task_; }
  // `target`: see Task; what is NaN there, of samples that differ in length, does not count.
  // THROWS: kInvalidData for a label that is no class.
  void add(const Tensor& output, const Tensor& target);
  // REQUIRES: metrics made alike. The order of merging does not matter, but for rounding.
  void merge(const SetMetrics& other);

  // Names of what values() will hold, before anything was added.
  std::vector<std::string> value_names() const;
  // What cannot be computed (the AUC of a set with one class) is left out.
  std::vector<MetricValue> values() const;

  // Labels, elements of a mask, or rows of a regression so far.
  std::int64_t counted() const { return task_ == Task::kRegression ? errors_.samples() : counted_; }
  const MetricSettings& settings() const { return settings_; }
  // Rows and columns are the classes; negative and positive for binary tasks. Empty for multi-label
  // tasks, language, regression, and beyond kMostConfusionClasses.
  const ConfusionMatrix& confusion() const { return confusion_; }
  // One per class or label.
  std::vector<ClassFigures> class_figures() const;
  bool keeps_scores() const { return keeps_scores_ && !scores_kept_.empty(); }
  // The samples of a class or label against all others. REQUIRES: keeps_scores().
  Ranking ranking(std::int64_t column) const;
  std::int64_t columns() const { return columns_; }
  // In the order in which they were added; empty for other tasks.
  const std::vector<KeptValue>& first_values() const { return first_values_; }

 private:
  template <class T>
  void add_classes(const T* output, const std::int64_t* labels, const Shape& shape);
  template <class T, class W>
  void add_binary(const T* output, const W* wanted, const Shape& shape);
  template <class T, class W>
  void add_values(const T* output, const W* wanted, const Shape& shape);
  void keep_scores(std::span<const double> scores, std::int64_t label);
  bool wants(std::string_view name) const;
  std::vector<ClassCounts> class_counts() const;
  double ranked_mean(bool roc) const;
  bool value_of(const std::string& name, double& value) const;

  Task task_ = Task::kNone;
  Scores kind_ = Scores::kLogits;
  std::int64_t classes_ = 0;
  std::int64_t columns_ = 0;  // of the kept scores: classes, labels, or 1
  MetricSettings settings_;
  std::vector<std::string> chosen_;
  std::int64_t ignore_index_ = -100;
  bool keeps_scores_ = false;
  bool counts_likelihood_ = false;

  ConfusionMatrix confusion_;
  std::vector<ClassCounts> labels_;  // multi-label, or too many classes for a matrix
  RegressionSums errors_;
  std::vector<KeptValue> first_values_;
  std::int64_t right_ = 0;
  std::int64_t top_hits_ = 0;
  double log_likelihood_ = 0;
  std::int64_t counted_ = 0;
  std::vector<double> scores_kept_;     // [samples, columns]
  std::vector<std::uint8_t> positive_;  // the same
  std::vector<double> row_;             // of one sample
  std::vector<double> wanted_row_;
};

}  // namespace temper::training
