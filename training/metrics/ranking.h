// How well scores rank positives above negatives: the ROC and precision-recall curves and the areas
// under them, exact with ties (equal scores are one threshold), as scikit-learn's roc_auc_score and
// average_precision_score.
#pragma once

#include <cstdint>
#include <vector>

namespace temper::training {

struct ScoredSample {
  double score = 0;
  bool positive = false;
};

// Counts of samples with at least a score, at one threshold per distinct score, from the highest.
struct RankedCounts {
  std::int64_t true_positives = 0;
  std::int64_t false_positives = 0;
};

struct Ranking {
  std::vector<RankedCounts> thresholds;
  std::int64_t positives = 0;
  std::int64_t negatives = 0;

  // Without a positive or a negative there is nothing to rank.
  bool ranks() const { return positives > 0 && negatives > 0; }
  // Area under the ROC curve by trapezoids: P(positive above negative) + P(equal) / 2.
  // REQUIRES: ranks().
  double roc_auc() const;
  // Sum over thresholds of (recall_n - recall_{n-1}) precision_n. REQUIRES: positives > 0.
  double average_precision() const;
};

// Sorts `samples`. NaN scores rank last, as one tie.
Ranking rank(std::vector<ScoredSample>& samples);

}  // namespace temper::training
