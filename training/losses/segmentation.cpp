// Losses of overlap: dice and jaccard (soft IoU).
#include "runtime/base/error.h"
#include "training/losses/families.h"

namespace temper::training {
namespace {

using graph::Builder;
using graph::ValueId;

ValueId probabilities(const LossInputs& in) {
  const std::string form = in.parameters.get_string("activation", "auto");
  if (form == "none") {
    return in.output();
  }
  const bool softmax = form == "softmax" || (form == "auto" && has_class_target(in));
  return softmax ? in.builder.op("Softmax", {in.output()}, {{"axis", std::int64_t{1}}})
                 : in.builder.op("Sigmoid", {in.output()});
}

// Sums over the batch and all positions: of p g, and of p + g; per class [C] or one number. Those
// of a whole set add up, so that its loss is not the mean of its batches'.
LossSums build_overlap(const LossInputs& in) {
  Builder& b = in.builder;
  const Shape shape = b.shape(in.output());
  TEMPER_CHECK(shape.rank() >= 2, ErrorCode::kInvalidArgument,
               "dice and jaccard need an output [N, classes, ...], but the model's is ", shape);
  ValueId p = probabilities(in);
  ValueId g = in.target;
  if (has_class_target(in)) {
    const ClassMask mask = class_mask(in);
    g = mask.one_hot;
    Shape along{shape[0], 1};
    for (int axis = 2; axis < shape.rank(); ++axis) {
      along.push_back(shape[axis]);
    }
    p = b.mul(p, b.cast(b.reshape(mask.counted, along), b.dtype(p)));
  }
  const bool global = in.parameters.get_string("per", "class") == "global";
  std::vector<std::int64_t> axes = {0};
  for (int axis = global ? 1 : 2; axis < shape.rank(); ++axis) {
    axes.push_back(axis);
  }
  return {b.reduce_sum(weigh_samples(in, b.mul(p, g)), axes, false),
          b.reduce_sum(weigh_samples(in, b.add(p, g)), axes, false),
          static_cast<double>(shape.element_count())};
}

std::string check_per(const AttrValue& value) {
  const auto& text = std::get<std::string>(value);
  return text == "class" || text == "global" ? "" : "must be \"class\" or \"global\"";
}

std::string check_activation(const AttrValue& value) {
  const auto& text = std::get<std::string>(value);
  return text == "auto" || text == "softmax" || text == "sigmoid" || text == "none"
             ? ""
             : "must be \"auto\", \"softmax\", \"sigmoid\" or \"none\"";
}

}  // namespace

std::vector<Loss> segmentation_losses() {
  ParameterSpec reduction = reduction_spec();
  reduction.help = "mean or sum over the classes";
  const std::vector<ParameterSpec> parameters = {
      reduction,
      number_spec("smooth", 1, "added above and below the line", require_not_negative),
      {"per", std::string("class"), "\"class\": one ratio per class; \"global\": one of all",
       check_per},
      {"activation", std::string("auto"),
       "what makes the output probabilities: \"softmax\", \"sigmoid\", \"none\" (it has them), or "
       "\"auto\": softmax for class indices, sigmoid for masks",
       check_activation},
      ignore_index_spec()};
  const auto target = TargetKind::kClassesOrLikeOutput;
  const char* pitfall =
      "noisy for small batches: often added to cross_entropy with [[loss.term]]; of a whole set it "
      "is that of all its positions, not the mean of its batches";
  const char* form = "logits [N, C, ...], or probabilities with activation = \"none\"";
  return {
      {"dice", "1 - 2 overlap / (predicted + true); class indices or masks of the output's shape",
       parameters, target, PredictionKind::kClassScores, build_overlap,
       "segmentation with small objects", form, pitfall, 1, LossRule::kDice, OutputForm::kLogits},
      {"jaccard", "1 - overlap / union; class indices or masks of the output's shape", parameters,
       target, PredictionKind::kClassScores, build_overlap, "segmentation judged by IoU", form,
       pitfall, 1, LossRule::kJaccard, OutputForm::kLogits},
  };
}

}  // namespace temper::training
