#include "training/metrics/accuracy.h"

#include <cmath>

namespace temper::training {
namespace {

// The first largest of `count` values that lie `stride` apart.
template <class T>
std::int64_t first_largest(const T* values, std::int64_t count, std::int64_t stride) {
  std::int64_t best = 0;
  for (std::int64_t c = 1; c < count; ++c) {
    if (values[c * stride] > values[best * stride]) {
      best = c;
    }
  }
  return best;
}

}  // namespace

double score_threshold(Scores scores, double probability) {
  return scores == Scores::kLogits ? std::log(probability / (1 - probability)) : probability;
}

std::vector<std::int64_t> likeliest_classes(const Tensor& scores) {
  const Shape& shape = scores.shape();
  const std::int64_t inner = shape.count(2, shape.rank());
  std::vector<std::int64_t> labels;
  visit_float(scores.dtype(), [&]<class T>() {
    const T* values = scores.span<T>().data();
    for (std::int64_t n = 0; n < shape[0]; ++n) {
      for (std::int64_t i = 0; i < inner; ++i) {
        labels.push_back(first_largest(values + n * shape[1] * inner + i, shape[1], inner));
      }
    }
  });
  return labels;
}

}  // namespace temper::training
