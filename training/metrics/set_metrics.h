// All metrics of a set, gathered batch by batch and computed over the whole of it, never averaged
// over batches.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/memory/tensor.h"
#include "training/metrics/confusion_matrix.h"
#include "training/metrics/metric_settings.h"
#include "training/metrics/ranking.h"
#include "training/metrics/regression_sums.h"

namespace temper::training {

enum class Task {
  kNone,            // a loss whose output no metric reads
  kClassification,  // output [N, C], labels i64 [N]
  kSegmentation,    // output [N, C, d1, d2, ...], labels i64 [N, d1, d2, ...]
  kLanguage,        // output [N, C, L], labels i64 [N, L]
  kBinary,          // one output per sample, a target 0 or 1
  kMultiLabel,      // output and target [N, L]
  kBinaryMask,      // output and target [N, 1, d1, d2, ...]
  kRegression,      // output and target [N, ...]
};

// What the outputs are.
enum class Scores { kLogits, kLogProbabilities, kProbabilities };

// Scores are kept for AUC up to so many values (64 MiB); larger sets have no AUC.
inline constexpr std::size_t kMostKeptScores = std::size_t{1} << 23;
// Beyond so many classes (32 MiB) only each class's own counts are kept, not who is taken for whom.
inline constexpr std::int64_t kMostConfusionClasses = 2048;

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
  // `targets`: i64 labels, or values of the output's dtype and shape; see Task.
  // THROWS: kInvalidData for a label that is no class.
  void add(const Tensor& output, const void* targets);
  // REQUIRES: metrics made alike. The order of merging does not matter, but for rounding.
  void merge(const SetMetrics& other);

  // Names of what values() will hold, before anything was added.
  std::vector<std::string> value_names() const;
  // Without "accuracy" of classifications, which the trainer counts itself. What cannot be computed
  // (the AUC of a set with one class) is left out.
  std::vector<MetricValue> values() const;

  // Rows and columns are the classes; negative and positive for binary tasks. Empty for multi-label
  // tasks, language, regression, and beyond kMostConfusionClasses.
  const ConfusionMatrix& confusion() const { return confusion_; }
  // One per class or label.
  std::vector<ClassFigures> class_figures() const;
  bool keeps_scores() const { return keeps_scores_ && !scores_kept_.empty(); }
  // The samples of a class or label against all others. REQUIRES: keeps_scores().
  Ranking ranking(std::int64_t column) const;
  std::int64_t columns() const { return columns_; }

 private:
  template <class T>
  void add_classes(const T* output, const std::int64_t* labels, const Shape& shape);
  template <class T>
  void add_binary(const T* output, const T* wanted, const Shape& shape);
  template <class T>
  void add_values(const T* output, const T* wanted, const Shape& shape);
  void keep_scores(std::span<const double> scores, std::int64_t label);
  bool wants(std::string_view name) const;
  std::string display_name(const std::string& name) const;
  std::vector<ClassCounts> counted() const;
  double ranked_mean(bool roc) const;
  bool value_of(const std::string& name, double& value) const;

  Task task_ = Task::kNone;
  Scores kind_ = Scores::kLogits;
  std::int64_t classes_ = 0;
  std::int64_t columns_ = 0;  // of the kept scores: classes, labels, or 1
  MetricSettings settings_;
  std::int64_t ignore_index_ = -100;
  bool keeps_scores_ = false;

  ConfusionMatrix confusion_;
  std::vector<ClassCounts> labels_;  // multi-label, or too many classes for a matrix
  RegressionSums errors_;
  std::int64_t top_hits_ = 0;
  double log_likelihood_ = 0;
  std::int64_t counted_ = 0;
  std::vector<double> scores_kept_;     // [samples, columns]
  std::vector<std::uint8_t> positive_;  // the same
  std::vector<double> row_;             // of one sample
  std::vector<double> wanted_row_;
};

}  // namespace temper::training
