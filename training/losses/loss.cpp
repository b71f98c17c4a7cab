#include "training/losses/loss.h"

#include "runtime/base/error.h"
#include "training/losses/builders.h"

namespace temper::training {
namespace {

ParameterSpec reduction_spec() {
  return {"reduction", std::string("mean"), "mean or sum over all elements of the batch",
          [](const AttrValue& value) {
            const auto& text = std::get<std::string>(value);
            return text == "mean" || text == "sum" ? std::string{} : "must be \"mean\" or \"sum\"";
          }};
}

std::vector<Loss> make_losses() {
  return {
      {"cross_entropy",
       "softmax and negative log-likelihood of class indices; logits [N,C,...], target [N,...]",
       {reduction_spec(),
        {"ignore_index", std::int64_t{-100}, "targets with this value do not count", nullptr},
        {"label_smoothing", 0.0, "share of the target spread evenly over all classes",
         require_share},
        {"weight", std::vector<double>{}, "one weight per class", require_not_negative}},
       true,
       build_cross_entropy},
      {"mse", "mean squared error", {reduction_spec()}, false, build_mse},
      {"bce_with_logits",
       "binary cross entropy of sigmoid(output), stable for any logit",
       {reduction_spec(),
        {"pos_weight", std::vector<double>{},
         "weight of the positive class: one number or one per output", require_not_negative}},
       false,
       build_bce_with_logits},
  };
}

}  // namespace

const std::vector<Loss>& losses() {
  static const std::vector<Loss> kLosses = make_losses();
  return kLosses;
}

const Loss& find_loss(std::string_view name) {
  std::vector<std::string> names;
  for (const Loss& loss : losses()) {
    if (loss.name == name) {
      return loss;
    }
    names.push_back(loss.name);
  }
  const std::string hint = nearest(name, names);
  fail(ErrorCode::kInvalidArgument, "unknown loss '", name, "'",
       hint.empty() ? concat(" (there are ", join(names, ", "), ")")
                    : concat("; did you mean ", hint, "?"));
}

TargetSpec target_spec(const Loss& loss, DType output_dtype, const Shape& output) {
  if (!loss.class_indices) {
    return {output_dtype, output};
  }
  TEMPER_CHECK(output.rank() >= 2, ErrorCode::kInvalidArgument, loss.name,
               " needs an output [N, classes, ...], but the model's is ", output);
  Shape target{output[0]};
  for (int axis = 2; axis < output.rank(); ++axis) {
    target.push_back(output[axis]);
  }
  return {DType::kInt64, target};
}

}  // namespace temper::training
