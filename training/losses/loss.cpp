#include "training/losses/loss.h"

#include <iterator>

#include "runtime/base/error.h"
#include "training/losses/families.h"

namespace temper::training {

const std::vector<Loss>& losses() {
  static const std::vector<Loss> kLosses = [] {
    std::vector<Loss> all;
    for (auto* family : kLossFamilies) {
      std::vector<Loss> more = family();
      std::move(more.begin(), more.end(), std::back_inserter(all));
    }
    return all;
  }();
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

LossForm loss_form(const Loss& loss, const Attrs& parameters) {
  const bool sums = parameters.get_string("reduction", "mean") == "sum";
  LossForm form{loss.rule, parameters.get_double("smooth", 0), sums};
  if (loss.rule == LossRule::kMean && sums) {
    form.rule = LossRule::kSum;
  }
  return form;
}

OutputForm form_taken(const Loss& loss, const Attrs& parameters) {
  return parameters.get_string("activation", "") == "none" ? OutputForm::kProbabilities
                                                           : loss.takes;
}

int class_axis(const Loss& loss, const Attrs& parameters) {
  return loss.target == TargetKind::kLabelSequence || classes_last(parameters) ? -1 : 1;
}

graph::ValueId build_loss(const Loss& loss, const LossInputs& in) {
  return loss_value(in.builder, loss_form(loss, in.parameters), loss.sums(in));
}

bool classes_last(const Attrs& parameters) { return parameters.get_int("class_axis", 1) == -1; }

Shape classes_second(const Shape& output) {
  Shape moved{output[0], output[output.rank() - 1]};
  for (int axis = 1; axis + 1 < output.rank(); ++axis) {
    moved.push_back(output[axis]);
  }
  return moved;
}

Shape class_rows(const Shape& output) {
  const int last = output.rank() - 1;
  return {output.count(0, last), output[last]};
}

namespace {

// [N, S] for an output [N, T, C] or, where the loss says so, [T, N, C].
TargetSpec sequence_spec(const Loss& loss, const Attrs& parameters, const Shape& output,
                         std::int64_t labels) {
  const bool batch_first = parameters.get_int("batch_first", 1) != 0;
  TEMPER_CHECK(output.rank() == 3, ErrorCode::kInvalidArgument, loss.name, " needs an output ",
               batch_first ? "[N, T, classes]" : "[T, N, classes]", ", but the model's is ",
               output);
  return {DType::kInt64, {output[batch_first ? 0 : 1], labels}, false};
}

}  // namespace

TargetSpec target_spec(const Loss& loss, const Attrs& parameters, DType output_dtype,
                       const Shape& output, const DataTarget& data) {
  if (loss.target == TargetKind::kLabelSequence) {
    return sequence_spec(loss, parameters, output, data.labels);
  }
  if (loss.target == TargetKind::kLikeOutput) {
    return {output_dtype, output, false};
  }
  if (loss.target == TargetKind::kPerSample) {
    TEMPER_CHECK(output.rank() >= 1, ErrorCode::kInvalidArgument, loss.name,
                 " needs an output [N, ...], but the model's is a scalar");
    return {output_dtype, {output[0]}, false};
  }
  const bool either = loss.target == TargetKind::kClassesOrLikeOutput;
  if (either && (!data.integers || data.like_output)) {
    return {output_dtype, output, false};
  }
  TEMPER_CHECK(output.rank() >= 2, ErrorCode::kInvalidArgument, loss.name,
               " needs an output [N, classes, ...], but the model's is ", output);
  const Shape scores = classes_last(parameters) ? classes_second(output) : output;
  Shape target{scores[0]};
  for (int axis = 2; axis < scores.rank(); ++axis) {
    target.push_back(scores[axis]);
  }
  return {DType::kInt64, target, true};
}

}  // namespace temper::training
