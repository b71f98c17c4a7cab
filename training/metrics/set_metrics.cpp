#include "training/metrics/set_metrics.h"

#include <algorithm>
#include <cmath>

#include "runtime/base/error.h"
#include "training/metrics/accuracy.h"

namespace temper::training {
namespace {

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
      chosen_(chosen_metrics(task, settings_, classes)),
      ignore_index_(ignore_index) {
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
  counts_likelihood_ = wants("perplexity");
  keeps_scores_ = wants("auc") || wants("pr_auc");
  row_.resize(static_cast<std::size_t>(classes));
  wanted_row_.resize(task == Task::kRegression ? row_.size() : 0);
}

bool SetMetrics::wants(std::string_view name) const {
  return std::find(chosen_.begin(), chosen_.end(), name) != chosen_.end();
}

void SetMetrics::add(const Tensor& output, const Tensor& target) {
  const auto pair = [&](auto use) {
    visit_float(output.dtype(), [&]<class T>() {
      visit_float(target.dtype(),
                  [&]<class W>() { use(output.span<T>().data(), target.span<W>().data()); });
    });
  };
  switch (task_) {
    case Task::kNone:
      return;
    case Task::kBinary:
    case Task::kMultiLabel:
    case Task::kBinaryMask:
      pair([&](const auto* values, const auto* wanted) {
        add_binary(values, wanted, output.shape());
      });
      return;
    case Task::kRegression:
      pair([&](const auto* values, const auto* wanted) {
        add_values(values, wanted, output.shape());
      });
      return;
    default:
      break;
  }
  std::vector<std::int64_t> likeliest;
  if (is_float(target.dtype())) {
    likeliest = likeliest_classes(target);
  }
  visit_float(output.dtype(), [&]<class T>() {
    add_classes(output.span<T>().data(),
                likeliest.empty() ? target.span<std::int64_t>().data() : likeliest.data(),
                output.shape());
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
      right_ += static_cast<std::int64_t>(best) == label ? 1 : 0;
      top_hits_ += above < settings_.top_k ? 1 : 0;
      if (confusion_.classes() > 0) {
        confusion_.add(label, static_cast<std::int64_t>(best));
      } else if (!labels_.empty()) {
        ++labels_[static_cast<std::size_t>(label)].support;
        ++labels_[best].predicted;
        labels_[best].both += static_cast<std::int64_t>(best) == label ? 1 : 0;
      }
      if (counts_likelihood_) {
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

template <class T, class W>
void SetMetrics::add_binary(const T* output, const W* wanted, const Shape& shape) {
  const double border = score_threshold(kind_, settings_.threshold);
  const std::int64_t count = shape.element_count();
  const std::int64_t inner = task_ == Task::kMultiLabel ? shape.count(2, shape.rank()) : 1;
  const std::int64_t columns = task_ == Task::kMultiLabel ? classes_ : 1;
  if (keeps_scores_ && scores_kept_.size() + static_cast<std::size_t>(count) > kMostKeptScores) {
    keeps_scores_ = false;
    scores_kept_ = {};
    positive_ = {};
  }
  const auto take = [&](std::int64_t column, std::int64_t i) {
    if (std::isnan(static_cast<double>(wanted[i]))) {
      return;  // behind the end of the sample
    }
    ++counted_;
    const auto score = static_cast<double>(output[i]);
    const bool predicted = score > border;
    const bool truth = wanted[i] > W(0.5);
    right_ += predicted == truth ? 1 : 0;
    if (task_ == Task::kMultiLabel) {
      ClassCounts& counts = labels_[static_cast<std::size_t>(column)];
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
  };
  for (std::int64_t sample = 0; sample < count / columns; ++sample) {
    for (std::int64_t column = 0; column < columns; ++column) {
      take(column, (sample / inner * columns + column) * inner + sample % inner);
    }
  }
}

template <class T, class W>
void SetMetrics::add_values(const T* output, const W* wanted, const Shape& shape) {
  const std::int64_t rows = classes_ == 0 ? 0 : shape.element_count() / classes_;
  for (std::int64_t n = 0; n < rows; ++n) {
    if (std::isnan(static_cast<double>(wanted[n * classes_]))) {
      continue;  // behind the end of the sample
    }
    std::copy_n(output + n * classes_, classes_, row_.begin());
    if (kind_ == Scores::kLogProbabilities) {
      std::transform(row_.begin(), row_.end(), row_.begin(), [](double x) { return std::exp(x); });
    }
    std::copy_n(wanted + n * classes_, classes_, wanted_row_.begin());
    errors_.add(row_, wanted_row_);
    if (classes_ == 1 && first_values_.size() < kMostKeptValues) {
      first_values_.push_back({row_[0], wanted_row_[0]});
    }
  }
}

void SetMetrics::merge(const SetMetrics& other) {
  TEMPER_ASSERT(task_ == other.task_ && classes_ == other.classes_, "metrics of unlike sets");
  confusion_.merge(other.confusion_);
  errors_.merge(other.errors_);
  for (const KeptValue& value : other.first_values_) {
    if (first_values_.size() < kMostKeptValues) {
      first_values_.push_back(value);
    }
  }
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    labels_[i].both += other.labels_[i].both;
    labels_[i].predicted += other.labels_[i].predicted;
    labels_[i].support += other.labels_[i].support;
  }
  right_ += other.right_;
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

}  // namespace temper::training
