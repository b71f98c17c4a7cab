#include "training/metrics/confusion_matrix.h"

#include <numeric>

#include "runtime/base/error.h"

namespace temper::training {

double average(const std::vector<ClassCounts>& classes, double (ClassCounts::*figure)() const,
               std::string_view how) {
  double sum = 0;
  double weights = 0;
  ClassCounts all;
  for (const ClassCounts& counts : classes) {
    const double weight = how == "weighted" ? static_cast<double>(counts.support)
                          : counts.occurs() ? 1.0
                                            : 0.0;
    sum += weight * (counts.*figure)();
    weights += weight;
    all.both += counts.both;
    all.predicted += counts.predicted;
    all.support += counts.support;
  }
  if (how == "micro") {
    return (all.*figure)();
  }
  return weights == 0 ? 0 : sum / weights;
}

ConfusionMatrix::ConfusionMatrix(std::int64_t classes)
    : classes_(classes), counts_(static_cast<std::size_t>(classes * classes), 0) {}

void ConfusionMatrix::merge(const ConfusionMatrix& other) {
  TEMPER_ASSERT(classes_ == other.classes_, "matrices of ", classes_, " and ", other.classes_,
                " classes");
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    counts_[i] += other.counts_[i];
  }
}

std::int64_t ConfusionMatrix::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::int64_t{0});
}

double ConfusionMatrix::accuracy() const {
  std::int64_t right = 0;
  for (std::int64_t c = 0; c < classes_; ++c) {
    right += count(c, c);
  }
  const std::int64_t all = total();
  return all == 0 ? 0 : static_cast<double>(right) / static_cast<double>(all);
}

std::vector<ClassCounts> ConfusionMatrix::per_class() const {
  std::vector<ClassCounts> classes(static_cast<std::size_t>(classes_));
  for (std::int64_t truth = 0; truth < classes_; ++truth) {
    for (std::int64_t predicted = 0; predicted < classes_; ++predicted) {
      const std::int64_t n = count(truth, predicted);
      classes[static_cast<std::size_t>(truth)].support += n;
      classes[static_cast<std::size_t>(predicted)].predicted += n;
      classes[static_cast<std::size_t>(truth)].both += truth == predicted ? n : 0;
    }
  }
  return classes;
}

}  // namespace temper::training
