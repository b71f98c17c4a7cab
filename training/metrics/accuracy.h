// Share of right predictions, counted over a whole set.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/memory/tensor.h"
#include "training/metrics/task.h"

namespace temper::training {

struct AccuracyCount {
  std::int64_t correct = 0;
  std::int64_t total = 0;

  double value() const {
    return total == 0 ? 0 : static_cast<double>(correct) / static_cast<double>(total);
  }
};

// The score above which a probability lies above `probability`: a logit is compared as a logit,
// exactly, where its probability would be rounded.
double score_threshold(Scores scores, double probability);

// The first largest along axis 1 of floats [N, C, d...]: labels [N, d...].
std::vector<std::int64_t> likeliest_classes(const Tensor& scores);

}  // namespace temper::training
