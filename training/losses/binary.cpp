// Losses of yes-or-no outputs: bce, bce_with_logits, multi_label, soft_margin, hinge,
// hinge_embedding.
#include "training/losses/families.h"

namespace temper::training {
namespace {

using graph::Builder;
using graph::ValueId;

ValueId times_optional(Builder& b, ValueId elements, ValueId weight) {
  return weight.valid() ? b.mul(elements, weight) : elements;
}

int last_axis(const LossInputs& in) { return in.builder.shape(in.output()).rank() - 1; }

// -(t max(log x, -100) + (1 - t) max(log(1 - x), -100));  dx = (x - t) / max(x (1 - x), 1e-12), as
// torch.nn.functional.binary_cross_entropy defines both: finite at 0 and 1. The gradient is not
// that of the clamped logarithms, so both it and its own derivative g' = (x^2 - 2 t x + t) / (x^2
// (1 - x)^2 + 1e-12) are put in place of theirs: v + g d + g' d^2 / 2 with d = x - stop(x) = 0.
LossSums build_bce(const LossInputs& in) {
  Builder& b = in.builder;
  const ValueId x = stop_gradient(b, in.output());
  const ValueId rest = complement(b, x);
  const auto log = [&](ValueId p) { return at_least(b, b.op("Log", {p}), -100); };
  const ValueId value =
      b.neg(b.add(b.mul(in.target, log(x)), b.mul(complement(b, in.target), log(rest))));
  const ValueId slope = b.div(b.sub(x, in.target), at_least(b, b.mul(x, rest), 1e-12));
  const ValueId both = b.mul(x, rest);
  const ValueId twice = b.scale(b.mul(in.target, x), 2);
  const ValueId bend = b.div(b.add(b.sub(b.mul(x, x), twice), in.target),
                             b.add(b.mul(both, both), b.scalar(b.dtype(x), 1e-12)));
  const ValueId d = b.sub(in.output(), x);
  const ValueId elements = b.add(value, b.mul(d, b.add(slope, b.scale(b.mul(bend, d), 0.5))));
  return reduce_loss(
      in, times_optional(b, elements, list_along(in, "weight", in.output(), last_axis(in))));
}

// (1 - t) x + w softplus(-x), w = 1 + (pos_weight - 1) t, with softplus(-x) = log(1 + exp(-|x|)) +
// max(-x, 0) (torch.nn.functional.binary_cross_entropy_with_logits)
ValueId logit_elements(const LossInputs& in) {
  Builder& b = in.builder;
  ValueId soft = b.op("Softplus", {b.neg(in.output())});
  const ValueId positive = list_along(in, "pos_weight", in.output(), last_axis(in));
  if (positive.valid()) {
    const ValueId one = b.scalar(b.dtype(in.output()), 1);
    soft = b.mul(b.add(one, b.mul(b.sub(positive, one), in.target)), soft);
  }
  return times_optional(b, b.add(b.mul(complement(b, in.target), in.output()), soft),
                        list_along(in, "weight", in.output(), last_axis(in)));
}

LossSums build_bce_with_logits(const LossInputs& in) { return reduce_loss(in, logit_elements(in)); }

// torch.nn.MultiLabelSoftMarginLoss: the mean over the classes of bce_with_logits, then the
// reduction over the samples.
LossSums build_multi_label(const LossInputs& in) {
  return reduce_loss(in, mean_over(in.builder, logit_elements(in), {last_axis(in)}));
}

// log(1 + exp(-t x))
LossSums build_soft_margin(const LossInputs& in) {
  Builder& b = in.builder;
  return reduce_loss(in, b.op("Softplus", {b.neg(b.mul(in.target, in.output()))}));
}

// max(0, 1 - t x)
LossSums build_hinge(const LossInputs& in) {
  Builder& b = in.builder;
  return reduce_loss(in, b.op("Relu", {complement(b, b.mul(in.target, in.output()))}));
}

// x where t = 1, max(0, margin - x) where t = -1, both where t is neither
// (torch.nn.HingeEmbeddingLoss)
LossSums build_hinge_embedding(const LossInputs& in) {
  Builder& b = in.builder;
  const DType dtype = b.dtype(in.output());
  const ValueId zero = b.scalar(dtype, 0);
  const ValueId one = b.scalar(dtype, 1);
  const ValueId margin = b.scalar(dtype, in.parameters.get_double("margin", 1));
  const ValueId apart = b.op("Relu", {b.sub(margin, in.output())});
  const ValueId is_near = b.op("Equal", {in.target, one});
  const ValueId is_far = b.op("Equal", {in.target, b.neg(one)});
  return reduce_loss(
      in, b.add(b.op("Where", {is_far, zero, in.output()}), b.op("Where", {is_near, zero, apart})));
}

}  // namespace

std::vector<Loss> binary_losses() {
  const auto like = TargetKind::kLikeOutput;
  const auto logits = PredictionKind::kBinaryLogits;
  const ParameterSpec weight = list_spec("weight", "one number, or one per output");
  const ParameterSpec positive =
      list_spec("pos_weight", "weight of the positive class: one number or one per output");
  const char* task = "two classes, or several labels at once";
  return {
      {"bce_with_logits",
       "binary cross entropy of sigmoid(output), stable for any logit",
       {reduction_spec(), positive, weight},
       like,
       logits,
       build_bce_with_logits,
       task,
       "logits (no sigmoid in the model)",
       "few positives: pos_weight = negatives / positives",
       1,
       LossRule::kMean,
       OutputForm::kLogits},
      {"bce",
       "binary cross entropy of probabilities",
       {reduction_spec(), weight},
       like,
       PredictionKind::kProbabilities,
       build_bce,
       task,
       "probabilities (the model ends in Sigmoid)",
       "loses precision near 0 and 1: prefer bce_with_logits",
       1,
       LossRule::kMean,
       OutputForm::kProbabilities},
      {"multi_label",
       "bce_with_logits averaged over the classes (torch.nn.MultiLabelSoftMarginLoss)",
       {reduction_spec(), weight},
       like,
       logits,
       build_multi_label,
       "several labels at once",
       "logits [N, C]",
       "with reduction = \"sum\" it sums samples, not labels",
       1,
       LossRule::kMean,
       OutputForm::kLogits},
      {"soft_margin",
       "log(1 + exp(-t x)), targets -1 and 1",
       {reduction_spec()},
       like,
       logits,
       build_soft_margin,
       "two classes, targets -1 and 1",
       "logits",
       "targets 0 and 1 are wrong here: use bce_with_logits",
       1,
       LossRule::kMean,
       OutputForm::kLogits},
      {"hinge",
       "max(0, 1 - t x), targets -1 and 1",
       {reduction_spec()},
       like,
       logits,
       build_hinge,
       "two classes with a margin, targets -1 and 1",
       "scores",
       "targets 0 and 1 are wrong here; scores are no probabilities"},
      {"hinge_embedding",
       "x for target 1, max(0, margin - x) for target -1",
       {reduction_spec(), number_spec("margin", 1, "distance that is far enough")},
       like,
       PredictionKind::kOther,
       build_hinge_embedding,
       "similar or not, from a distance",
       "a distance, at least 0",
       "targets are 1 (similar) and -1"},
  };
}

}  // namespace temper::training
