// Share of right predictions, counted over a whole set.
#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/memory/tensor.h"

namespace temper::training {

struct AccuracyCount {
  std::int64_t correct = 0;
  std::int64_t total = 0;

  double value() const {
    return total == 0 ? 0 : static_cast<double>(correct) / static_cast<double>(total);
  }
};

// logits [N, C, d...], labels i64 [N, d...]: the first largest class against the label; labels
// equal to `ignore_index` do not count. Allocates nothing.
void count_classes(const Tensor& logits, const std::int64_t* labels, std::int64_t ignore_index,
                   AccuracyCount& count);

// logits and targets of one shape: (logit > 0) against (target > 0.5), element by element.
// Allocates nothing.
void count_binary(const Tensor& logits, const void* targets, AccuracyCount& count);

}  // namespace temper::training
