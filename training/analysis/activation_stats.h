// What the outputs of a layer were over many batches: mean, deviation, share of zeros and of
// saturated values, and which units never were active.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/shape.h"
#include "training/compile/step/watch.h"

namespace temper::training {

class ActivationStats {
 public:
  explicit ActivationStats(WatchedLayer layer) : layer_(std::move(layer)) {}

  // The layer's output at `step`, in logical order. Steps do not fall.
  void add(std::span<const float> values, const Shape& shape, std::int64_t step);

  const WatchedLayer& layer() const { return layer_; }
  // Of the finite values; 0 without any.
  double mean() const { return finite_ == 0 ? 0 : sum_ / static_cast<double>(finite_); }
  double deviation() const;
  double zero_share() const { return share(zeros_); }
  // Sigmoid outside 0.01..0.99 and tanh outside -0.99..0.99, where next to no gradient passes; 0
  // for other layers.
  double saturated_share() const { return share(saturated_); }
  double not_finite_share() const { return share(values_ - finite_); }
  bool saturates() const {
    return layer_.activation == graph::Activation::kSigmoid ||
           layer_.activation == graph::Activation::kTanh;
  }

  // Only units of Relu are dead when they are never above zero: nothing passes them back.
  bool can_die() const {
    return layer_.activation == graph::Activation::kRelu && layer_.unit_axis >= 0;
  }
  std::int64_t units() const { return static_cast<std::int64_t>(last_active_.size()); }
  // Units never above zero so far.
  std::int64_t dead() const { return idle_since(0); }
  // Units not above zero at `step` and after it, those never active among them.
  std::int64_t idle_since(std::int64_t step) const;

 private:
  double share(std::int64_t part) const {
    return values_ == 0 ? 0 : static_cast<double>(part) / static_cast<double>(values_);
  }

  WatchedLayer layer_;
  std::int64_t values_ = 0;
  std::int64_t finite_ = 0;
  std::int64_t zeros_ = 0;
  std::int64_t saturated_ = 0;
  double sum_ = 0;
  double sum_squares_ = 0;
  std::vector<std::int64_t> last_active_;  // per unit the last step it was above zero; -1: never
};

}  // namespace temper::training
