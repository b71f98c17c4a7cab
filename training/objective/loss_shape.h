// A loss as a function of one prediction, to be drawn: what an error costs and how hard it pulls.
#pragma once

#include <span>
#include <vector>

#include "training/losses/loss.h"

namespace temper::training {

struct LossShape {
  std::vector<double> loss;      // NaN where the loss is not defined
  std::vector<double> gradient;  // with respect to the prediction
};

// One value for each of `predictions`, for one sample with one output. `target` is the value
// predicted. THROWS: kInvalidArgument when the loss is no function of one prediction and its
// target (class scores, several outputs, distances).
LossShape loss_shape(const ComponentSettings& settings, std::span<const double> predictions,
                     double target);

}  // namespace temper::training
