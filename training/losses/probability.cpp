// Losses of distributions: kl_div, poisson_nll, gaussian_nll.
#include <cmath>
#include <numbers>

#include "runtime/base/error.h"
#include "training/losses/families.h"

namespace temper::training {
namespace {

using graph::Builder;
using graph::ValueId;

// t (log t - x) with 0 log 0 = 0, or exp(t) (t - x) for log_target (torch.nn.KLDivLoss)
LossSums build_kl_div(const LossInputs& in) {
  Builder& b = in.builder;
  if (in.parameters.get_int("log_target", 0) != 0) {
    return reduce_loss(in, b.mul(b.op("Exp", {in.target}), b.sub(in.target, in.output())));
  }
  const ValueId log_t = b.op("Log", {at_least(b, in.target, 1e-38)});
  return reduce_loss(in, b.mul(in.target, b.sub(log_t, in.output())));
}

// exp(x), continued as a straight line where it would overflow.
ValueId bounded_exp(Builder& b, ValueId x) {
  const double bound = b.dtype(x) == DType::kFloat64 ? 600 : 60;
  const ValueId limit = b.scalar(b.dtype(x), bound);
  const ValueId low = b.op("Exp", {b.op("Min", {x, limit})});
  const ValueId above = b.op("Relu", {b.sub(x, limit)});
  return b.add(low, b.scale(above, std::exp(bound)));
}

// t log t - t + log(2 pi t) / 2 for t > 1, else 0: Stirling's log t!
ValueId stirling(Builder& b, ValueId t) {
  const DType dtype = b.dtype(t);
  const ValueId one = b.scalar(dtype, 1);
  const ValueId log_t = b.op("Log", {b.op("Max", {t, one})});
  const ValueId half_log =
      b.scale(b.add(log_t, b.scalar(dtype, std::log(2 * std::numbers::pi))), 0.5);
  const ValueId value = b.add(b.sub(b.mul(t, log_t), t), half_log);
  return b.op("Where", {b.op("Greater", {t, one}), value, b.scalar(dtype, 0)});
}

// exp(x) - t x for log_input, else x - t log(x + eps); `full` adds log t! (torch.nn.PoissonNLLLoss)
LossSums build_poisson_nll(const LossInputs& in) {
  Builder& b = in.builder;
  const ValueId x = in.output();
  ValueId elements;
  if (in.parameters.get_int("log_input", 1) != 0) {
    elements = b.sub(bounded_exp(b, x), b.mul(in.target, x));
  } else {
    const double eps = in.parameters.get_double("eps", 1e-8);
    const ValueId safe = at_least(b, b.add(x, b.scalar(b.dtype(x), eps)), eps / 2);
    elements = b.sub(x, b.mul(in.target, b.op("Log", {safe})));
  }
  if (in.parameters.get_int("full", 0) != 0) {
    elements = b.add(elements, stirling(b, in.target));
  }
  return reduce_loss(in, elements);
}

// (log v + (x - t)^2 / v) / 2 with v = max(variance, eps), whose bound the gradient does not see;
// `full` adds log(2 pi) / 2 (torch.nn.GaussianNLLLoss)
LossSums build_gaussian_nll(const LossInputs& in) {
  Builder& b = in.builder;
  const Shape shape = b.shape(in.output());
  ValueId variance = in.outputs[1];
  const Shape given = b.shape(variance);
  if (given.rank() + 1 == shape.rank()) {  // one variance per row
    Shape column = given;
    column.push_back(1);
    variance = b.reshape(variance, column);
  }
  const Shape known = b.shape(variance);
  bool fits = known.rank() == shape.rank();
  for (int axis = 0; fits && axis < shape.rank(); ++axis) {
    fits = known[axis] == shape[axis] || (axis + 1 == shape.rank() && known[axis] == 1);
  }
  TEMPER_CHECK(fits, ErrorCode::kInvalidArgument, "gaussian_nll needs a variance of the shape ",
               shape, " (or 1 in its last dimension) as its second output, but it is ", given);
  const ValueId bound = at_least(b, variance, in.parameters.get_double("eps", 1e-6));
  const ValueId v = b.add(stop_gradient(b, bound), b.sub(variance, stop_gradient(b, variance)));
  const ValueId d = b.sub(in.output(), in.target);
  ValueId elements = b.scale(b.add(b.op("Log", {v}), b.div(b.mul(d, d), v)), 0.5);
  if (in.parameters.get_int("full", 0) != 0) {
    elements = b.add(elements, b.scalar(b.dtype(d), 0.5 * std::log(2 * std::numbers::pi)));
  }
  return reduce_loss(in, elements);
}

}  // namespace

std::vector<Loss> probability_losses() {
  const auto like = TargetKind::kLikeOutput;
  return {
      {"kl_div",
       "Kullback-Leibler divergence of a target distribution from log probabilities",
       {reduction_spec(true), switch_spec("log_target", false, "the target is log probabilities")},
       like,
       PredictionKind::kOther,
       build_kl_div,
       "matching a distribution",
       "log probabilities (the model ends in LogSoftmax); of a model that ends in Softmax the "
       "logarithm is taken",
       "reduction = \"mean\" divides by the classes too: \"batchmean\" is the divergence",
       1,
       LossRule::kMean,
       OutputForm::kLogProbabilities},
      {"poisson_nll",
       "negative log-likelihood of counts under a Poisson distribution",
       {reduction_spec(), switch_spec("log_input", true, "the output is the rate's logarithm"),
        switch_spec("full", false, "add log t! by Stirling's formula"),
        number_spec("eps", 1e-8, "added to the rate without log_input", require_positive)},
       like,
       PredictionKind::kRegression,
       build_poisson_nll,
       "counts",
       "the rate's logarithm; the rate with log_input = false",
       "predictions are exp(output) with log_input"},
      {"gaussian_nll",
       "negative log-likelihood of a Gaussian; outputs: mean and variance",
       {reduction_spec(), switch_spec("full", false, "add the constant log(2 pi) / 2"),
        number_spec("eps", 1e-6, "least variance", require_positive)},
       like,
       PredictionKind::kRegression,
       build_gaussian_nll,
       "regression with an uncertainty",
       "two outputs: mean, and variance above 0 (Softplus or Exp)",
       "begin with a variance near the target's, or it runs away",
       2},
  };
}

}  // namespace temper::training
