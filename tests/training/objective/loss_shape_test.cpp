// Losses as functions of one prediction, against closed forms.
#include "training/objective/loss_shape.h"

#include <gtest/gtest.h>

#include <cmath>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

ComponentSettings with_defaults(const std::string& name) {
  return {name, complete_parameters("loss", name, find_loss(name).parameters, {})};
}

TEST(LossShape, IsTheClosedFormAndItsSlope) {
  const std::vector<double> errors = {-3, -0.5, 0, 0.5, 2};
  const LossShape mse = loss_shape(with_defaults("mse"), errors, 0);
  const LossShape huber = loss_shape(with_defaults("huber"), errors, 0);
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const double e = errors[i];
    const bool near = std::abs(e) < 1;
    EXPECT_DOUBLE_EQ(mse.loss[i], e * e);
    EXPECT_DOUBLE_EQ(mse.gradient[i], 2 * e);
    EXPECT_DOUBLE_EQ(huber.loss[i], near ? e * e / 2 : std::abs(e) - 0.5);
    EXPECT_DOUBLE_EQ(huber.gradient[i], near ? e : std::copysign(1, e));
  }
}

TEST(LossShape, TakesLogitsForTheTargetGiven) {
  const std::vector<double> logits = {-2, 0, 3};
  const LossShape bce = loss_shape(with_defaults("bce_with_logits"), logits, 1);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    EXPECT_NEAR(bce.loss[i], std::log1p(std::exp(-logits[i])), 1e-15);
  }
}

TEST(LossShape, RefusesLossesOfClassScores) {
  const std::vector<double> errors = {0};
  EXPECT_THROW(loss_shape(with_defaults("cross_entropy"), errors, 0), Error);
}

}  // namespace
}  // namespace temper::training
