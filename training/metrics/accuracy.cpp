#include "training/metrics/accuracy.h"

namespace temper::training {

void count_classes(const Tensor& logits, const std::int64_t* labels, std::int64_t ignore_index,
                   AccuracyCount& count) {
  const std::int64_t batch = logits.shape()[0];
  const std::int64_t classes = logits.shape()[1];
  const std::int64_t inner = logits.shape().count(2, logits.shape().rank());
  visit_float(logits.dtype(), [&]<class T>() {
    const T* values = logits.span<T>().data();
    for (std::int64_t n = 0; n < batch; ++n) {
      for (std::int64_t i = 0; i < inner; ++i) {
        const std::int64_t label = labels[n * inner + i];
        if (label == ignore_index) {
          continue;
        }
        const T* row = values + n * classes * inner + i;
        std::int64_t best = 0;
        for (std::int64_t c = 1; c < classes; ++c) {
          if (row[c * inner] > row[best * inner]) {
            best = c;
          }
        }
        count.correct += best == label ? 1 : 0;
        ++count.total;
      }
    }
  });
}

void count_binary(const Tensor& logits, const void* targets, AccuracyCount& count) {
  visit_float(logits.dtype(), [&]<class T>() {
    const auto values = logits.span<T>();
    const T* wanted = static_cast<const T*>(targets);
    for (std::size_t i = 0; i < values.size(); ++i) {
      count.correct += (values[i] > T(0)) == (wanted[i] > T(0.5)) ? 1 : 0;
    }
    count.total += static_cast<std::int64_t>(values.size());
  });
}

}  // namespace temper::training
