#include "training/metrics/set_metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

bool applies(Task task, std::string_view name) {
  const auto in = [&](std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  switch (task) {
    case Task::kNone:
      return false;
    case Task::kClassification:
      return in({"accuracy", "top_k", "precision", "recall", "f1", "auc", "pr_auc"});
    case Task::kSegmentation:
      return in({"accuracy", "precision", "recall", "f1", "iou", "dice"});
    case Task::kBinaryMask:
      return in({"accuracy", "precision", "recall", "f1", "iou", "dice"});
    case Task::kLanguage:
      return in({"accuracy", "top_k", "perplexity"});
    case Task::kBinary:
    case Task::kMultiLabel:
      return in({"accuracy", "precision", "recall", "f1", "auc", "pr_auc"});
    case Task::kRegression:
      return in({"mae", "rmse", "r2"});
  }
  return false;
}

// log(sum(exp(x))), stable.
double log_sum_exp(std::span<const double> x) {
  const double largest = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (const double value : x) {
    sum += std::exp(value - largest);
  }
  return largest + std::log(sum);
}

}  // namespace

SetMetrics::SetMetrics(Task task, Scores scores, std::int64_t classes, MetricSettings settings,
                       std::int64_t ignore_index)
    : task_(task),
      kind_(scores),
      classes_(classes),
      columns_(classes),
      settings_(std::move(settings)),
      ignore_index_(ignore_index) {
  for (const std::string& name : settings_.names) {
    std::vector<std::string> all;
    for (const std::string& known : metric_names()) {
      if (applies(task, known)) {
        all.push_back(known);
      }
    }
    TEMPER_CHECK(applies(task, name), ErrorCode::kInvalidArgument, "metrics.names has \"", name,
                 "\", which does not apply to this loss and output; ",
                 all.empty() ? "none does" : concat("there are ", join(all, ", ")));
  }
  switch (task) {
    case Task::kRegression:
      errors_ = RegressionSums(classes);
      break;
    case Task::kMultiLabel:
      labels_.resize(static_cast<std::size_t>(classes));
      break;
    case Task::kBinary:
    case Task::kBinaryMask:
      confusion_ = ConfusionMatrix(2);
      columns_ = 1;
      break;
    case Task::kLanguage:
    case Task::kNone:
      break;
    case Task::kClassification:
    case Task::kSegmentation:
      if (classes <= kMostConfusionClasses) {
        confusion_ = ConfusionMatrix(classes);
      } else {
        labels_.resize(static_cast<std::size_t>(classes));
      }
      break;
  }
  keeps_scores_ = applies(task, "auc") && (wants("auc") || wants("pr_auc"));
  row_.resize(static_cast<std::size_t>(classes));
  wanted_row_.resize(task == Task::kRegression ? row_.size() : 0);
}

bool SetMetrics::wants(std::string_view name) const {
  if (!applies(task_, name)) {
    return false;
  }
  if (!settings_.names.empty()) {
    return std::find(settings_.names.begin(), settings_.names.end(), name) != settings_.names.end();
  }
  return name != "top_k" || classes_ > settings_.top_k;
}

std::string SetMetrics::display_name(const std::string& name) const {
  return name == "top_k" ? concat("top", settings_.top_k) : name;
}

void SetMetrics::add(const Tensor& output, const void* targets) {
  if (task_ == Task::kNone) {
    return;
  }
  visit_float(output.dtype(), [&]<class T>() {
    const T* values = output.span<T>().data();
    const T* wanted = static_cast<const T*>(targets);
    switch (task_) {
      case Task::kBinary:
      case Task::kMultiLabel:
      case Task::kBinaryMask:
        add_binary(values, wanted, output.shape());
        break;
      case Task::kRegression:
        add_values(values, wanted, output.shape());
        break;
      default:
        add_classes(values, static_cast<const std::int64_t*>(targets), output.shape());
    }
  });
}

template <class T>
void SetMetrics::add_classes(const T* output, const std::int64_t* labels, const Shape& shape) {
  const std::int64_t inner = shape.count(2, shape.rank());
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    for (std::int64_t i = 0; i < inner; ++i) {
      const std::int64_t label = labels[n * inner + i];
      if (label == ignore_index_) {
        continue;
      }
      TEMPER_CHECK(label >= 0 && label < classes_, ErrorCode::kInvalidData, "a label is ", label,
                   ", but the model has ", classes_, " classes");
      for (std::int64_t c = 0; c < classes_; ++c) {
        row_[static_cast<std::size_t>(c)] =
            static_cast<double>(output[(n * classes_ + c) * inner + i]);
      }
      const double own = row_[static_cast<std::size_t>(label)];
      std::int64_t above = 0;  // classes ranked before the label: larger, or equal and first
      std::size_t best = 0;
      for (std::size_t c = 0; c < row_.size(); ++c) {
        best = row_[c] > row_[best] ? c : best;
        above += row_[c] > own || (row_[c] == own && static_cast<std::int64_t>(c) < label) ? 1 : 0;
      }
      ++counted_;
      top_hits_ += above < settings_.top_k ? 1 : 0;
      if (confusion_.classes() > 0) {
        confusion_.add(label, static_cast<std::int64_t>(best));
      } else if (!labels_.empty()) {
        ++labels_[static_cast<std::size_t>(label)].support;
        ++labels_[best].predicted;
        labels_[best].both += static_cast<std::int64_t>(best) == label ? 1 : 0;
      }
      if (task_ == Task::kLanguage) {
        log_likelihood_ += kind_ == Scores::kLogits          ? own - log_sum_exp(row_)
                           : kind_ == Scores::kProbabilities ? std::log(own)
                                                             : own;
      }
      keep_scores(row_, label);
    }
  }
}

// One sample's scores of a classification, as probabilities: only these rank across samples.
void SetMetrics::keep_scores(std::span<const double> scores, std::int64_t label) {
  if (!keeps_scores_) {
    return;
  }
  if (scores_kept_.size() + scores.size() > kMostKeptScores) {
    keeps_scores_ = false;
    scores_kept_ = {};
    positive_ = {};
    return;
  }
  const double log_sum = kind_ == Scores::kLogits ? log_sum_exp(scores) : 0;
  for (std::size_t c = 0; c < scores.size(); ++c) {
    scores_kept_.push_back(kind_ == Scores::kProbabilities ? scores[c]
                                                           : std::exp(scores[c] - log_sum));
    positive_.push_back(static_cast<std::int64_t>(c) == label ? 1 : 0);
  }
}

template <class T>
void SetMetrics::add_binary(const T* output, const T* wanted, const Shape& shape) {
  // A logit against the threshold's logit: exact, where the probability would be rounded.
  const double t = settings_.threshold;
  const double border = kind_ == Scores::kLogits ? std::log(t / (1 - t)) : t;
  const std::int64_t count = shape.element_count();
  const std::int64_t columns = task_ == Task::kMultiLabel ? classes_ : 1;
  if (keeps_scores_ && scores_kept_.size() + static_cast<std::size_t>(count) > kMostKeptScores) {
    keeps_scores_ = false;
    scores_kept_ = {};
    positive_ = {};
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const auto score = static_cast<double>(output[i]);
    const bool predicted = score > border;
    const bool truth = wanted[i] > T(0.5);
    if (task_ == Task::kMultiLabel) {
      ClassCounts& counts = labels_[static_cast<std::size_t>(i % columns)];
      counts.both += predicted && truth ? 1 : 0;
      counts.predicted += predicted ? 1 : 0;
      counts.support += truth ? 1 : 0;
    } else {
      confusion_.add(truth ? 1 : 0, predicted ? 1 : 0);
    }
    if (keeps_scores_) {
      scores_kept_.push_back(score);
      positive_.push_back(truth ? 1 : 0);
    }
  }
  counted_ += count;
}

template <class T>
void SetMetrics::add_values(const T* output, const T* wanted, const Shape& shape) {
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    std::copy_n(output + n * classes_, classes_, row_.begin());
    std::copy_n(wanted + n * classes_, classes_, wanted_row_.begin());
    errors_.add(row_, wanted_row_);
  }
}

void SetMetrics::merge(const SetMetrics& other) {
  TEMPER_ASSERT(task_ == other.task_ && classes_ == other.classes_, "metrics of unlike sets");
  confusion_.merge(other.confusion_);
  errors_.merge(other.errors_);
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    labels_[i].both += other.labels_[i].both;
    labels_[i].predicted += other.labels_[i].predicted;
    labels_[i].support += other.labels_[i].support;
  }
  top_hits_ += other.top_hits_;
  log_likelihood_ += other.log_likelihood_;
  counted_ += other.counted_;
  keeps_scores_ = keeps_scores_ && other.keeps_scores_ &&
                  scores_kept_.size() + other.scores_kept_.size() <= kMostKeptScores;
  if (!keeps_scores_) {
    scores_kept_ = {};
    positive_ = {};
    return;
  }
  scores_kept_.insert(scores_kept_.end(), other.scores_kept_.begin(), other.scores_kept_.end());
  positive_.insert(positive_.end(), other.positive_.begin(), other.positive_.end());
}

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

std::vector<ClassCounts> SetMetrics::counted() const {
  return labels_.empty() ? confusion_.per_class() : labels_;
}

std::vector<ClassFigures> SetMetrics::class_figures() const {
  std::vector<ClassFigures> figures;
  for (const ClassCounts& counts : counted()) {
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
    const std::vector<ClassCounts> classes = counted();
    return of_positive ? (classes[1].*f)() : average(classes, f, how);
  };
  value = name == "top_k"        ? double(top_hits_) / double(counted_)
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
  for (const std::string& name : metric_names()) {
    if (name != "accuracy" && wants(name)) {
      names.push_back(display_name(name));
    }
  }
  return names;
}

std::vector<MetricValue> SetMetrics::values() const {
  std::vector<MetricValue> values;
  for (const std::string& name : metric_names()) {
    double value = 0;
    if (name != "accuracy" && wants(name) && value_of(name, value)) {
      values.push_back({display_name(name), value});
    }
  }
  return values;
}

}  // namespace temper::training
