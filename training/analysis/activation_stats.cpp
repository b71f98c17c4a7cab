#include "training/analysis/activation_stats.h"

#include <algorithm>
#include <cmath>

namespace temper::training {

void ActivationStats::add(std::span<const float> values, const Shape& shape, std::int64_t step) {
  const float low = layer_.activation == graph::Activation::kSigmoid ? 0.01f : -0.99f;
  constexpr float kHigh = 0.99f;
  const bool watches_saturation = saturates();
  values_ += static_cast<std::int64_t>(values.size());
  for (const float value : values) {
    if (!std::isfinite(value)) {
      continue;
    }
    ++finite_;
    sum_ += static_cast<double>(value);
    sum_squares_ += static_cast<double>(value) * static_cast<double>(value);
    zeros_ += value == 0 ? 1 : 0;
    saturated_ += watches_saturation && (value < low || value > kHigh) ? 1 : 0;
  }
  if (!can_die() || layer_.unit_axis >= shape.rank()) {
    return;
  }
  const std::int64_t units = shape[layer_.unit_axis];
  const std::int64_t inner = shape.count(layer_.unit_axis + 1, shape.rank());
  last_active_.resize(static_cast<std::size_t>(units), -1);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] > 0) {
      const std::int64_t unit = static_cast<std::int64_t>(i) / inner % units;
      last_active_[static_cast<std::size_t>(unit)] = step;
    }
  }
}

double ActivationStats::deviation() const {
  if (finite_ == 0) {
    return 0;
  }
  const double average = mean();
  return std::sqrt(std::max(0.0, sum_squares_ / static_cast<double>(finite_) - average * average));
}

std::int64_t ActivationStats::idle_since(std::int64_t step) const {
  return std::count_if(last_active_.begin(), last_active_.end(),
                       [&](std::int64_t last) { return last < step; });
}

}  // namespace temper::training
