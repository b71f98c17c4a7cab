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

// `label` gives the label of position [n, i]; `scores` is [N, C, d...].
template <class Label>
void count_labels(const Tensor& scores, Label&& label, std::int64_t ignore_index,
                  AccuracyCount& count) {
  const Shape& shape = scores.shape();
  const std::int64_t inner = shape.count(2, shape.rank());
  visit_float(scores.dtype(), [&]<class T>() {
    const T* values = scores.span<T>().data();
    for (std::int64_t n = 0; n < shape[0]; ++n) {
      for (std::int64_t i = 0; i < inner; ++i) {
        const std::int64_t wanted = label(n, i);
        if (wanted == ignore_index) {
          continue;
        }
        const T* row = values + n * shape[1] * inner + i;
        count.correct += first_largest(row, shape[1], inner) == wanted ? 1 : 0;
        ++count.total;
      }
    }
  });
}

}  // namespace

void count_classes(const Tensor& scores, const Tensor& target, std::int64_t ignore_index,
                   AccuracyCount& count) {
  const Shape& shape = scores.shape();
  const std::int64_t inner = shape.count(2, shape.rank());
  if (!is_float(target.dtype())) {
    const std::int64_t* labels = target.span<std::int64_t>().data();
    count_labels(
        scores, [&](std::int64_t n, std::int64_t i) { return labels[n * inner + i]; }, ignore_index,
        count);
    return;
  }
  visit_float(target.dtype(), [&]<class T>() {
    const T* shares = target.span<T>().data();
    constexpr std::int64_t kNone = -1;  // every label counts
    count_labels(
        scores,
        [&](std::int64_t n, std::int64_t i) {
          return first_largest(shares + n * shape[1] * inner + i, shape[1], inner);
        },
        kNone, count);
  });
}

void count_binary(const Tensor& scores, const Tensor& target, double threshold,
                  AccuracyCount& count) {
  visit_float(scores.dtype(), [&]<class T>() {
    visit_float(target.dtype(), [&]<class W>() {
      const auto values = scores.span<T>();
      const W* wanted = target.span<W>().data();
      for (std::size_t i = 0; i < values.size(); ++i) {
        const bool predicted = static_cast<double>(values[i]) > threshold;
        count.correct += predicted == (wanted[i] > W(0.5)) ? 1 : 0;
      }
      count.total += static_cast<std::int64_t>(values.size());
    });
  });
}

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
