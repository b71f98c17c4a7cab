// Losses of a number against a number: mse, l1, smooth_l1, huber, rmse, msle.
#include "training/losses/families.h"

namespace temper::training {
namespace {

using graph::Builder;
using graph::ValueId;

ValueId difference(const LossInputs& in) { return in.builder.sub(in.output(), in.target); }

// (x - t)^2
LossSums build_mse(const LossInputs& in) {
  const ValueId d = difference(in);
  return reduce_loss(in, in.builder.mul(d, d));
}

// |x - t|
LossSums build_l1(const LossInputs& in) {
  return reduce_loss(in, absolute(in.builder, difference(in)));
}

// d^2 / 2 for d = |x - t| < bound, else bound (d - bound / 2): c (d - c / 2) with c = min(d,
// bound), whose slope is c on both sides.
ValueId quadratic_then_linear(const LossInputs& in, double bound) {
  Builder& b = in.builder;
  const ValueId d = absolute(b, difference(in));
  const ValueId c = b.op("Min", {d, b.scalar(b.dtype(d), bound)});
  return b.mul(c, b.sub(d, b.scale(c, 0.5)));
}

// torch.nn.HuberLoss
LossSums build_huber(const LossInputs& in) {
  return reduce_loss(in, quadratic_then_linear(in, in.parameters.get_double("delta", 1)));
}

// torch.nn.SmoothL1Loss: huber with delta = beta, divided by beta; l1 for beta = 0.
LossSums build_smooth_l1(const LossInputs& in) {
  const double beta = in.parameters.get_double("beta", 1);
  return beta == 0 ? build_l1(in)
                   : reduce_loss(in, in.builder.scale(quadratic_then_linear(in, beta), 1 / beta));
}

// (log(1 + max(x, 0)) - log(1 + max(t, 0)))^2
LossSums build_msle(const LossInputs& in) {
  Builder& b = in.builder;
  const auto log1p = [&](ValueId v) {
    return b.op("Log", {b.add(b.op("Relu", {v}), b.scalar(b.dtype(v), 1))});
  };
  const ValueId d = b.sub(log1p(in.output()), log1p(in.target));
  return reduce_loss(in, b.mul(d, d));
}

}  // namespace

std::vector<Loss> regression_losses() {
  const auto like = TargetKind::kLikeOutput;
  const auto kind = PredictionKind::kRegression;
  const char* task = "regression";
  return {
      {"mse",
       "mean squared error",
       {reduction_spec()},
       like,
       kind,
       build_mse,
       task,
       "any number",
       "a few outliers rule it: try huber"},
      {"l1",
       "mean absolute error",
       {reduction_spec()},
       like,
       kind,
       build_l1,
       task,
       "any number",
       "its gradient does not shrink near the target: lower the rate in the end"},
      {"smooth_l1",
       "squared below beta (divided by 2 beta), absolute above",
       {reduction_spec(),
        number_spec("beta", 1, "where it changes from squared to absolute", require_not_negative)},
       like,
       kind,
       build_smooth_l1,
       "regression with outliers",
       "any number",
       "scale the target so that beta is a usual error"},
      {"huber",
       "squared below delta, delta times absolute above",
       {reduction_spec(),
        number_spec("delta", 1, "where it changes from squared to absolute", require_positive)},
       like,
       kind,
       build_huber,
       "regression with outliers",
       "any number",
       "scale the target so that delta is a usual error"},
      {"rmse",
       "square root of the mean squared error",
       {},
       like,
       kind,
       build_mse,
       "regression, in the target's unit",
       "any number",
       "the gradient does not shrink near the target: lower the rate in the end",
       1,
       LossRule::kRootMean},
      {"msle",
       "squared difference of log(1 + x)",
       {reduction_spec()},
       like,
       kind,
       build_msle,
       "counts and prices of many magnitudes",
       "at least 0",
       "outputs below 0 count as 0 and get no gradient"},
  };
}

}  // namespace temper::training
