// Losses of one class among several: cross_entropy, nll, focal, multi_margin.
#include "runtime/base/error.h"
#include "training/losses/families.h"

namespace temper::training {
namespace {

using graph::Builder;
using graph::ValueId;

ValueId log_softmax(const LossInputs& in) {
  return in.builder.op("LogSoftmax", {in.output()}, {{"axis", std::int64_t{1}}});
}

// sum_c -t_c w_c log p_c with t = (1 - s) target + s / C; the mean divides by the number of
// positions (torch.nn.functional.cross_entropy with probabilities).
LossSums probability_cross_entropy(const LossInputs& in) {
  Builder& b = in.builder;
  const double smoothing = in.parameters.get_double("label_smoothing", 0);
  ValueId target = in.target;
  if (smoothing > 0) {
    const auto classes = static_cast<double>(b.shape(in.output())[1]);
    target = b.add(b.scale(target, 1 - smoothing), b.scalar(b.dtype(target), smoothing / classes));
  }
  ValueId terms = b.neg(b.mul(target, log_softmax(in)));
  const ValueId weight = list_along(in, "weight", in.output(), 1);
  if (weight.valid()) {
    terms = b.mul(terms, weight);
  }
  return reduce_loss(in, b.reduce_sum(terms, {1}, false));
}

LossSums index_cross_entropy(const LossInputs& in) {
  Builder& b = in.builder;
  std::vector<ValueId> inputs = {in.output(), in.target};
  const std::vector<double> weight = in.parameters.get_doubles("weight");
  const std::int64_t classes = b.shape(in.output())[1];
  if (!weight.empty()) {
    TEMPER_CHECK(static_cast<std::int64_t>(weight.size()) == classes, ErrorCode::kInvalidArgument,
                 "loss.weight has ", weight.size(), " numbers, the model's output ", classes,
                 " classes");
    inputs.push_back(
        b.graph().add_constant({}, Tensor::from<double>(b.dtype(in.output()), {classes}, weight)));
  }
  const std::string reduction = in.sample_weight.valid() ? "none" : "sum";
  const ValueId made = b.ops("CrossEntropy", std::move(inputs), 2,
                             {{"ignore_index", in.parameters.get_int("ignore_index", -100)},
                              {"label_smoothing", in.parameters.get_double("label_smoothing", 0)},
                              {"reduction", reduction}})
                           .front();
  return reduce_counted(in, made, true);
}

LossSums build_cross_entropy(const LossInputs& in) {
  return has_class_target(in) ? index_cross_entropy(in) : probability_cross_entropy(in);
}

// -w_t x_t of log probabilities; the mean divides by the weights that count (torch.nn.NLLLoss).
LossSums build_nll(const LossInputs& in) {
  Builder& b = in.builder;
  const ClassMask mask = class_mask(in);
  const ValueId zero = b.scalar(b.dtype(in.output()), 0);
  const ValueId chosen = b.op("Greater", {mask.one_hot, zero});
  ValueId picked = b.op("Where", {chosen, in.output(), zero});  // not 0 * -inf
  const ValueId weight = list_along(in, "weight", in.output(), 1);
  if (weight.valid()) {
    picked = b.mul(picked, weight);
  }
  return reduce_counted(in, b.neg(b.reduce_sum(picked, {1}, false)), true);
}

// base^gamma; the bound keeps base^(gamma - 1) finite where gamma < 1.
ValueId focus(const LossInputs& in, ValueId base) {
  Builder& b = in.builder;
  return b.op("Pow", {at_least(b, base, 1e-30),
                      b.scalar(b.dtype(base), in.parameters.get_double("gamma", 2))});
}

// alpha_t (1 - p_t)^gamma bce(x, t) with 1 - p_t = t s(-x) + (1 - t) s(x), alpha_t = alpha t + (1 -
// alpha) (1 - t) (Lin et al. 2017; torchvision.ops.sigmoid_focal_loss). A negative alpha: no
// weight.
LossSums binary_focal(const LossInputs& in) {
  Builder& b = in.builder;
  const ValueId x = in.output();
  const ValueId t = in.target;
  const ValueId off = complement(b, t);
  const ValueId miss =
      b.add(b.mul(t, b.op("Sigmoid", {b.neg(x)})), b.mul(off, b.op("Sigmoid", {x})));
  const ValueId entropy = b.add(b.mul(off, x), b.op("Softplus", {b.neg(x)}));
  ValueId elements = b.mul(focus(in, miss), entropy);
  const double alpha = in.parameters.get_double("alpha", 0.25);
  if (alpha >= 0) {
    elements = b.mul(elements, b.add(b.scale(t, alpha), b.scale(off, 1 - alpha)));
  }
  return reduce_loss(in, elements);
}

// -alpha (1 - p_t)^gamma log p_t of the softmax; the mean divides by the targets that count. 1 -
// p_t is the sum of the other classes' probabilities.
LossSums class_focal(const LossInputs& in) {
  Builder& b = in.builder;
  const ClassMask mask = class_mask(in);
  const ValueId log_p = b.reduce_sum(b.mul(mask.one_hot, log_softmax(in)), {1}, false);
  const ValueId probabilities = b.op("Softmax", {in.output()}, {{"axis", std::int64_t{1}}});
  const ValueId miss = b.reduce_sum(b.mul(complement(b, mask.one_hot), probabilities), {1}, false);
  const double alpha = in.parameters.get_double("alpha", 0.25);
  ValueId elements = b.scale(b.mul(focus(in, miss), log_p), alpha >= 0 ? -alpha : -1);
  const ValueId weight = list_along(in, "weight", in.output(), 1);
  if (weight.valid()) {
    elements = b.mul(elements, b.reduce_sum(b.mul(mask.one_hot, weight), {1}, false));
  }
  return reduce_counted(in, elements, false);
}

LossSums build_focal(const LossInputs& in) {
  return has_class_target(in) ? class_focal(in) : binary_focal(in);
}

// w_t sum_{c != t} max(0, margin - x_t + x_c)^p / C (torch.nn.MultiMarginLoss)
LossSums build_multi_margin(const LossInputs& in) {
  Builder& b = in.builder;
  const Shape shape = b.shape(in.output());
  TEMPER_CHECK(shape.rank() == 2, ErrorCode::kInvalidArgument,
               "multi_margin needs an output [N, classes], but the model's is ", shape);
  const ValueId hot = class_mask(in).one_hot;
  const ValueId own = b.reduce_sum(b.mul(hot, in.output()), {1}, true);
  const ValueId margin = b.scalar(b.dtype(own), in.parameters.get_double("margin", 1));
  ValueId excess = b.op("Relu", {b.add(b.sub(margin, own), in.output())});
  if (in.parameters.get_int("p", 1) == 2) {
    excess = b.mul(excess, excess);
  }
  ValueId elements = mean_over(b, b.mul(complement(b, hot), excess), {1});
  const ValueId weight = list_along(in, "weight", in.output(), 1);
  if (weight.valid()) {
    elements = b.mul(elements, b.reduce_sum(b.mul(hot, weight), {1}, false));
  }
  return reduce_loss(in, elements);
}

std::string one_or_two(const AttrValue& value) {
  const std::int64_t p = std::get<std::int64_t>(value);
  return p == 1 || p == 2 ? "" : "must be 1 or 2";
}

}  // namespace

std::vector<Loss> classification_losses() {
  const auto scores = PredictionKind::kClassScores;
  const ParameterSpec weight = list_spec("weight", "one weight per class");
  const char* task = "one class among several";
  return {
      {"cross_entropy",
       "softmax and negative log-likelihood; logits [N,C,...], target class indices [N,...] or "
       "probabilities of the output's shape",
       {reduction_spec(), ignore_index_spec(),
        number_spec("label_smoothing", 0, "share of the target spread evenly over all classes",
                    require_share),
        weight, class_axis_spec()},
       TargetKind::kClassesOrLikeOutput,
       scores,
       build_cross_entropy,
       task,
       "logits [N, C, ...] (no softmax in the model)",
       "behind a Softmax at the model's end it squashes twice and learns slowly: use nll there",
       1,
       LossRule::kMean,
       OutputForm::kLogits},
      {"nll",
       "negative log-likelihood of class indices; log probabilities [N,C,...]",
       {reduction_spec(), ignore_index_spec(), weight, class_axis_spec()},
       TargetKind::kClasses,
       scores,
       build_nll,
       task,
       "log probabilities (the model ends in LogSoftmax); of a model that ends in Softmax the "
       "logarithm is taken",
       "logits give wrong values without an error: use cross_entropy on them",
       1,
       LossRule::kMean,
       OutputForm::kLogProbabilities},
      {"focal",
       "cross entropy that easy samples count little in; class indices (softmax) or 0/1 of the "
       "output's shape (sigmoid)",
       {reduction_spec(), ignore_index_spec(),
        number_spec("alpha", 0.25,
                    "weight of the positive class, or of all classes; negative: none"),
        number_spec("gamma", 2, "how little easy samples count; 0: as cross entropy",
                    require_not_negative),
        weight, class_axis_spec()},
       TargetKind::kClassesOrLikeOutput,
       scores,
       build_focal,
       "classes of very different frequency, detection",
       "logits",
       "its values are small: compare accuracy, not the loss, with other losses; start with a "
       "higher rate",
       1,
       LossRule::kMean,
       OutputForm::kLogits},
      {"multi_margin",
       "the margin of the right class over each other one (torch.nn.MultiMarginLoss)",
       {reduction_spec(),
        {"p", std::int64_t{1}, "exponent of the margin's excess", one_or_two},
        number_spec("margin", 1, "lead that is enough"),
        weight},
       TargetKind::kClasses,
       scores,
       build_multi_margin,
       "one class among several, with a margin",
       "scores [N, C]",
       "scores are no probabilities"},
  };
}

}  // namespace temper::training
