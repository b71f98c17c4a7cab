// What is checked and counted of the targets of a run's losses: labels, sequences, weights.
#include <algorithm>
#include <optional>

#include "runtime/base/error.h"
#include "training/objective/run_losses.h"

namespace temper::training {
namespace {

std::size_t field_index(const Dataset& data, const std::string& name) {
  const std::vector<Field>& fields = data.fields();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].is_target && fields[i].name == name) {
      return i;
    }
  }
  fail(ErrorCode::kInternal, "the data have no target field ", name);
}

}  // namespace

void check_run_targets(RunLosses& losses, const Dataset& data,
                       const std::vector<std::string>& class_names,
                       std::vector<std::string>& notes) {
  for (const Field& field : data.fields()) {
    constexpr Port kWeights{PortRole::kSampleWeight, 0};
    const bool weighs = field.is_target && losses.port_of(field) == kWeights;
    TEMPER_CHECK(!weighs || field.row_shape.element_count() == 1, ErrorCode::kInvalidArgument,
                 "loss.sample_weight = \"", losses.targets.back().array, "\" has rows of shape ",
                 field.row_shape, "; it must be one number per sample");
  }
  std::erase_if(losses.labels, [&](RunLosses::Labels& labels) {
    const std::size_t field = field_index(data, labels.field);
    LossTerm& term = losses.terms[labels.term];
    const bool ignores_class = labels.ignored >= 0 && labels.ignored < labels.classes;
    labels.all_count = labels.all_count && !ignores_class &&
                       is_integer(data.fields()[field].dtype) &&
                       !data.find_outside(field, {0, labels.classes, std::nullopt});
    term.all_count = labels.all_count;
    if (labels.all_count) {
      return false;
    }
    try {
      check_labels(data, field, labels.classes, labels.ignored, class_names);
      return false;
    } catch (const Error& error) {
      if (labels.required || error.code() != ErrorCode::kInvalidData) {
        throw;
      }
      // What such a label means is the file's affair.
      notes.push_back(concat("no metrics of classes: ", error.message()));
      term.class_target = false;
      losses.lead_prediction =
          labels.term == losses.lead ? PredictionKind::kOther : losses.lead_prediction;
      return true;
    }
  });
  for (const RunLosses::Sequences& sequences : losses.sequences) {
    std::optional<std::size_t> lengths;
    if (!sequences.lengths.empty()) {
      lengths = field_index(data, sequences.lengths);
    }
    check_label_sequences(data, field_index(data, sequences.field), lengths, sequences.rules);
  }
}

void balance_classes(RunLosses& losses, const Dataset& data, std::span<const std::int64_t> rows,
                     std::vector<std::string>& notes) {
  for (std::size_t i = 0; i < losses.terms.size(); ++i) {
    const bool counted =
        std::any_of(losses.labels.begin(), losses.labels.end(),
                    [&](const RunLosses::Labels& labels) { return labels.term == i; });
    TEMPER_CHECK(counted || losses.terms[i].class_weight.empty(), ErrorCode::kInvalidArgument,
                 "class_weight = \"balanced\" counts class indices, but the target of ",
                 losses.terms[i].loss.name, " is floats");
  }
  for (const RunLosses::Labels& labels : losses.labels) {
    LossTerm& term = losses.terms[labels.term];
    if (term.class_weight.empty()) {
      continue;
    }
    const std::size_t field = field_index(data, labels.field);
    TEMPER_CHECK(data.fields()[field].row_shape.rank() == 0, ErrorCode::kInvalidArgument,
                 "class_weight = \"balanced\" counts one label per row, but '", labels.field,
                 "' has rows of shape ", data.fields()[field].row_shape,
                 "; write the loss's weight = [...] yourself");
    const std::vector<std::int64_t> all = data.labels(field);
    std::vector<std::int64_t> counts(static_cast<std::size_t>(labels.classes), 0);
    std::int64_t total = 0;
    for (const std::int64_t row : rows) {
      const std::int64_t label = all[static_cast<std::size_t>(row)];
      if (label >= 0 && label < labels.classes && label != labels.ignored) {
        ++counts[static_cast<std::size_t>(label)];
        ++total;
      }
    }
    const auto present = static_cast<double>(
        counts.size() - static_cast<std::size_t>(std::count(counts.begin(), counts.end(), 0)));
    std::vector<double> weights;
    for (const std::int64_t count : counts) {
      weights.push_back(
          count == 0 ? 1 : static_cast<double>(total) / (present * static_cast<double>(count)));
    }
    notes.push_back(concat(term.loss.name, ": weight = [", join(weights, ", "),
                           "] of the classes (class_weight = \"balanced\")"));
    term.loss.parameters.set("weight", std::move(weights));
  }
}

}  // namespace temper::training
