#include "training/objective/inferred_loss.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "runtime/base/concat.h"
#include "training/data/batch_tensors.h"
#include "training/data/row_shape.h"
#include "training/objective/target_fit.h"

namespace temper::training {
namespace {

// Enough rows to tell labels from numbers.
constexpr std::int64_t kRowsLookedAt = 10000;

std::size_t index_of(const Dataset& data, const Field& field) {
  return static_cast<std::size_t>(&field - data.fields().data());
}

bool are_zero_or_one(const Dataset& data, std::size_t field) {
  if (is_integer(data.fields()[field].dtype)) {
    return !data.find_outside(field, {0, 2, std::nullopt}).has_value();
  }
  std::vector<Tensor> row_of_each = batch_tensors(data, 1);
  for (std::int64_t row = 0; row < std::min(data.count(), kRowsLookedAt); ++row) {
    data.read(std::span<const std::int64_t>(&row, 1), row_of_each);
    const std::vector<double> values = row_of_each[field].values<double>();
    if (std::any_of(values.begin(), values.end(), [](double v) { return v != 0 && v != 1; })) {
      return false;
    }
  }
  return true;
}

// Whole numbers: classes, yes or no, or plain numbers.
std::string for_integers(const Dataset& data, const Field& target, const Shape& output,
                         const EndOfOutput& end, std::string& values) {
  const bool one_channel = output.rank() < 2 || output[1] == 1;
  const bool as_output = target.row_shape == row_of(output);
  if (!one_channel && !as_output) {
    const bool normalised = end.kind == OutputEnd::kSoftmax || end.kind == OutputEnd::kLogSoftmax;
    return normalised ? "nll" : "cross_entropy";
  }
  if (!target.is_mask && !are_zero_or_one(data, index_of(data, target))) {
    values = ", not all 0 or 1";
    return "mse";
  }
  values = target.is_mask ? "" : ", all 0 or 1";
  return end.kind == OutputEnd::kSigmoid || end.kind == OutputEnd::kSoftmax ? "bce"
                                                                            : "bce_with_logits";
}

}  // namespace

InferredLoss infer_loss(const graph::Graph& forward, graph::ValueId output, const Dataset& data,
                        const Field& target) {
  const Shape shape = forward.value(output).shape;
  EndOfOutput end = end_of(forward, output, 1);
  if (end.kind == OutputEnd::kOther && shape.rank() > 2) {
    end = end_of(forward, output, -1);
  }
  InferredLoss made;
  std::string values;
  if (is_integer(target.dtype)) {
    made.name = for_integers(data, target, shape, end, values);
  } else {
    const bool labels = end.kind == OutputEnd::kSigmoid &&
                        without_ones(target.row_shape) == without_ones(row_of(shape)) &&
                        are_zero_or_one(data, index_of(data, target));
    made.name = labels ? "bce" : "mse";
    values = labels ? ", all 0 or 1" : "";
  }
  const bool told = end.kind != OutputEnd::kOther && made.name != "mse";
  made.why = concat("the target is ", target.dtype, target.row_shape, " per sample", values,
                    told ? concat(", and the model ends in ", end.op) : "");
  return made;
}

std::string end_problem(const Loss& loss, const Attrs& parameters, const EndOfOutput& end) {
  const OutputForm form = form_taken(loss, parameters);
  const bool squashed = end.kind == OutputEnd::kSigmoid || end.kind == OutputEnd::kSoftmax;
  const auto told = [&](const char* what, const char* then) {
    return concat(loss.name, " takes ", what, ", but the model ends in ", end.op, " (", end.origin,
                  "): ", then);
  };
  if (form == OutputForm::kLogits && squashed) {
    constexpr const char* kTwice =
        "its output is squashed twice, which learns slowly or not at "
        "all, and the loss is not that of its probabilities; write ";
    const bool overlap = parameters.has("activation");
    const bool classes = loss.name == "cross_entropy" && end.kind == OutputEnd::kSoftmax;
    const bool binary = (loss.name == "bce_with_logits" || loss.name == "multi_label") &&
                        end.kind == OutputEnd::kSigmoid;
    return told("logits",
                concat(overlap || classes || binary ? kTwice : "its output is squashed twice; ",
                       overlap   ? "loss.activation = \"none\""
                       : classes ? "loss.name = \"nll\", which takes the logarithm of a Softmax"
                       : binary  ? "loss.name = \"bce\""
                                 : "export the model without it")
                    .c_str());
  }
  if (form == OutputForm::kProbabilities && end.kind == OutputEnd::kLogSoftmax) {
    return told("probabilities from 0 to 1",
                "its outputs are logarithms, below 0; write "
                "loss.name = \"nll\" with class indices as target");
  }
  if (form == OutputForm::kLogProbabilities && end.kind == OutputEnd::kSigmoid) {
    return told("log probabilities", "write loss.name = \"bce\" with a target of 0 and 1");
  }
  return {};
}

namespace {

// Where a plan has the output that a term reads.
int output_of(const Plan& plan, const RunLosses& losses, const LossTerm& term) {
  for (std::size_t i = 0; !term.outputs.empty() && i < plan.outputs.size(); ++i) {
    if (plan.outputs[i].port.role == PortRole::kModelOutput &&
        plan.outputs[i].name == term.outputs.front()) {
      return static_cast<int>(i);
    }
  }
  return plan.output(PortRole::kModelOutput, losses.lead_output);
}

}  // namespace

std::string outside_probabilities(const RunLosses& losses, const Executor& executor) {
  for (const LossTerm& term : losses.terms) {
    if (term.is_file() ||
        form_taken(find_loss(term.loss.name), term.loss.parameters) != OutputForm::kProbabilities) {
      continue;
    }
    const int output = output_of(executor.plan(), losses, term);
    for (const double value : executor.read_output(output).values<double>()) {
      if (value < 0 || value > 1) {
        return concat(term.loss.name,
                      " takes probabilities from 0 to 1, but the model's output has ", value,
                      ": logits go with loss.name = \"",
                      term.loss.name == "bce" ? "bce_with_logits" : term.loss.name, "\"",
                      term.loss.name == "bce" ? "" : " and loss.activation = \"auto\"",
                      ", probabilities with a Sigmoid at the model's end");
      }
    }
  }
  return {};
}

Scores scores_behind(OutputEnd end, Scores scores, bool of_classes) {
  if (of_classes) {
    return end == OutputEnd::kSoftmax      ? Scores::kProbabilities
           : end == OutputEnd::kLogSoftmax ? Scores::kLogProbabilities
                                           : scores;
  }
  return end == OutputEnd::kSigmoid || end == OutputEnd::kSoftmax ? Scores::kProbabilities : scores;
}

}  // namespace temper::training
