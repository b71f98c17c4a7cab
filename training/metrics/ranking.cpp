#include "training/metrics/ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace temper::training {

double Ranking::roc_auc() const {
  // Twice the area in units of one positive by one negative: whole numbers, so exact.
  double area = 0;
  RankedCounts before;
  for (const RankedCounts& at : thresholds) {
    area += static_cast<double>(at.false_positives - before.false_positives) *
            static_cast<double>(at.true_positives + before.true_positives);
    before = at;
  }
  return area / (2 * static_cast<double>(positives) * static_cast<double>(negatives));
}

double Ranking::average_precision() const {
  double sum = 0;
  std::int64_t before = 0;
  for (const RankedCounts& at : thresholds) {
    const double precision = static_cast<double>(at.true_positives) /
                             static_cast<double>(at.true_positives + at.false_positives);
    sum += static_cast<double>(at.true_positives - before) / static_cast<double>(positives) *
           precision;
    before = at.true_positives;
  }
  return sum;
}

Ranking rank(std::vector<ScoredSample>& samples) {
  for (ScoredSample& sample : samples) {
    if (std::isnan(sample.score)) {
      sample.score = -std::numeric_limits<double>::infinity();
    }
  }
  std::sort(samples.begin(), samples.end(),
            [](const ScoredSample& a, const ScoredSample& b) { return a.score > b.score; });
  Ranking ranking;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    (samples[i].positive ? ranking.positives : ranking.negatives) += 1;
    if (i + 1 == samples.size() || samples[i + 1].score != samples[i].score) {
      ranking.thresholds.push_back({ranking.positives, ranking.negatives});
    }
  }
  return ranking;
}

}  // namespace temper::training
