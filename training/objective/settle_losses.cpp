// Settles what a run's losses leave open: the loss itself, its outputs and targets and their forms,
// which of them the metrics are of.
#include <algorithm>
#include <map>
#include <utility>

#include "runtime/base/error.h"
#include "training/losses/loss.h"
#include "training/objective/inferred_loss.h"
#include "training/objective/run_losses.h"
#include "training/objective/target_fit.h"

namespace temper::training {
namespace {

bool is_classification(PredictionKind prediction, bool class_target) {
  return prediction == PredictionKind::kBinaryLogits ||
         (prediction == PredictionKind::kClassScores && class_target);
}

class Settler {
 public:
  Settler(Recipe& recipe, const LossFiles& files, const graph::Graph& forward, const Dataset& probe,
          const Backend& reference, std::vector<std::string>& notes)
      : recipe_(recipe),
        files_(files),
        forward_(forward),
        probe_(probe),
        reference_(reference),
        notes_(notes) {}

  RunLosses settle() {
    const bool several = !recipe_.loss_terms.empty();
    if (!several && !recipe_.loss.is_file()) {
      infer_loss();
    }
    for (const LossTermSettings& term : written_terms(recipe_)) {
      made_.terms.emplace_back(term);
    }
    std::vector<std::size_t> order;  // the lead's target comes first
    for (std::size_t i = 0; i < made_.terms.size(); ++i) {
      settle_form(i);
      if (!is_classification(prediction_of(made_.lead), made_.lead_term().class_target) &&
          is_classification(prediction_of(i), made_.terms[i].class_target)) {
        made_.lead = i;
      }
      order.push_back(i);
    }
    std::rotate(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(made_.lead),
                order.begin() + static_cast<std::ptrdiff_t>(made_.lead) + 1);
    for (const std::size_t i : order) {
      made_.terms[i].is_file() ? add_file_targets(i) : add_target(i);
    }
    if (!several) {
      recipe_.loss.loss.parameters = made_.terms[0].loss.parameters;
    }
    for (const LossTerm& term : made_.terms) {
      check_end(term);
    }
    made_.lead_end = check_end(made_.lead_term()).kind;
    made_.lead_prediction = prediction_of(made_.lead);
    const graph::Graph::Output& output = output_of(made_.lead_term());
    made_.lead_output = output.port.index;
    made_.lead_shape = scores_shape(made_.lead_term());
    if (!recipe_.sample_weight.empty()) {
      add_field_of({PortRole::kSampleWeight, 0},
                   {fresh_name(kSampleWeightInput), forward_.value(output.value).dtype,
                    std::nullopt, recipe_.sample_weight});
    }
    return std::move(made_);
  }

 private:
  // The first when `name` is empty.
  const graph::Graph::Output& output_named(const std::string& name) const {
    std::vector<std::string> names;
    for (const auto& output : forward_.outputs) {
      names.push_back(output.name);
      if (name.empty() || names.back() == name) {
        return output;
      }
    }
    fail(ErrorCode::kInvalidArgument, "the model has no output '", name, "' (it has ",
         join(names, ", "), ")");
  }

  const graph::Graph::Output& output_of(const LossTerm& term) const {
    return output_named(term.outputs.empty() ? std::string{} : term.outputs.front());
  }

  PredictionKind prediction_of(std::size_t index) const {
    const LossTerm& term = made_.terms[index];
    return term.is_file() ? readings_.at(index).prediction : find_loss(term.loss.name).prediction;
  }

  const Shape& shape_of(const LossTerm& term) const {
    return forward_.value(output_of(term).value).shape;
  }

  // With the classes along axis 1.
  Shape scores_shape(const LossTerm& term) const {
    const Shape& shape = shape_of(term);
    return classes_last(term.loss.parameters) && shape.rank() > 2 ? classes_second(shape) : shape;
  }

  const Field& target_of(const LossTerm& term) const {
    const Field* only = nullptr;
    for (const Field& field : probe_.fields()) {
      if (field.is_target && (term.target.empty() || field.name == term.target)) {
        only = only == nullptr ? &field : only;
      }
    }
    TEMPER_CHECK(only != nullptr, ErrorCode::kInvalidData,
                 "the data has no target (an array named `target`)");
    return *only;
  }

  void infer_loss() {
    ComponentSettings& loss = recipe_.loss.loss;
    if (!loss.name.empty()) {
      return;
    }
    const InferredLoss inferred = training::infer_loss(forward_, output_of(recipe_.loss).value,
                                                       probe_, target_of(recipe_.loss));
    loss.name = inferred.name;
    loss.parameters = complete_parameters("loss", loss.name, find_loss(loss.name).parameters, {});
    recipe_.origins["loss.name"] = "inferred from the target";
    notes_.push_back(concat("loss.name = \"", loss.name, "\" (", inferred.why, ")"));
  }

  // Whether the term's loss fits what the model's last operator makes of its output.
  EndOfOutput check_end(const LossTerm& term) {
    const int axis =
        term.is_file() ? 1 : class_axis(find_loss(term.loss.name), term.loss.parameters);
    EndOfOutput end = end_of(forward_, output_of(term).value, axis);
    const std::string problem =
        term.is_file() ? std::string{}
                       : end_problem(find_loss(term.loss.name), term.loss.parameters, end);
    const auto& known = made_.warnings;
    if (!problem.empty() && std::find(known.begin(), known.end(), problem) == known.end()) {
      made_.warnings.push_back(problem);
      notes_.push_back("warning: " + problem);
    }
    return end;
  }

  // What the term's target is, of the kinds its loss takes.
  TargetSpec spec_of(const LossTerm& term) const {
    const Loss& loss = find_loss(term.loss.name);
    const graph::Value& output = forward_.value(output_of(term).value);
    const Field& found = target_of(term);
    const bool has_labels = found.row_shape.rank() == 1;
    TEMPER_CHECK(loss.target != TargetKind::kLabelSequence || has_labels,
                 ErrorCode::kInvalidArgument, loss.name,
                 " needs a target [N, S] of class indices, with -1 behind a sample's last label, "
                 "but '",
                 found.name, "' is ", as_batch(found.row_shape));
    // A mask for a single output per pixel says what is there, not which class.
    const bool two_valued = found.is_mask && output.shape.rank() > 1 && output.shape[1] == 1;
    return target_spec(
        loss, term.loss.parameters, output.dtype, output.shape,
        {is_integer(found.dtype) && !two_valued, found.row_shape == row_of(output.shape),
         has_labels ? found.row_shape[0] : 0});
  }

  // Where the recipe does not say which axis holds the classes, the target's shape does.
  void settle_class_axis(LossTerm& term) {
    constexpr const char* kAxis = "class_axis";
    Attrs& parameters = term.loss.parameters;
    if (!parameters.has(kAxis) || parameters.get_int(kAxis, 0) != 0) {
      return;
    }
    const Shape& shape = shape_of(term);
    const Field& target = target_of(term);
    bool last = false;
    if (shape.rank() > 2 && is_integer(target.dtype)) {
      const Shape second = row_of(row_of(shape));
      const Shape positions = row_of(row_of(classes_second(shape)));
      last = target.row_shape == positions && positions != second;
      TEMPER_CHECK(target.row_shape != second || second != positions, ErrorCode::kInvalidArgument,
                   "the model's output is ", as_batch(row_of(shape)), " and the target ",
                   as_batch(target.row_shape),
                   ": either axis could be the classes; write loss.class_axis = 1 (PyTorch's "
                   "[N, C, ...]) or -1 ([N, ..., C], as language models give it)");
    }
    parameters.set(kAxis, std::int64_t{last ? -1 : 1});
    if (last) {
      notes_.push_back(concat("loss.class_axis = -1 (the output is ", as_batch(row_of(shape)),
                              ", the target ", as_batch(target.row_shape), ")"));
    }
  }

  void check_rows(const LossTerm& term) const {
    const graph::Graph::Output& output = output_of(term);
    check_output_rows(find_loss(term.loss.name), term.loss.parameters, output.name, shape_of(term),
                      forward_.value(forward_.inputs.front()).shape[0]);
  }

  void settle_form(std::size_t index) {
    LossTerm& term = made_.terms[index];
    if (!term.is_file()) {
      check_rows(term);
      settle_class_axis(term);
      term.class_target =
          find_loss(term.loss.name).target != TargetKind::kNone && spec_of(term).classes;
      return;
    }
    term.graph = files_.graph(index);
    readings_[index] = files_.read(index, forward_, probe_, reference_);
    term.outputs = {readings_[index].output};
    notes_.push_back(files_.describe(index, readings_[index]));
    term.class_target = readings_[index].prediction == PredictionKind::kClassScores;
  }

  // The target that metrics read comes first.
  void add_file_targets(std::size_t index) {
    LossFiles::Reading& reading = readings_.at(index);
    LossTerm& term = made_.terms[index];
    term.file_targets = reading.targets;
    const auto add = [&](std::size_t i) {
      LossFileTarget& target = term.file_targets[i];
      const Field& field = *reading.fields[i];
      const bool only = target.input == kTargetInput && field.name != kTargetInput;
      const std::string asked = only || field.name == kTargetInput ? std::string{} : field.name;
      target.target = add_field(field, target.dtype, target.row_shape, asked);
    };
    if (!reading.targets.empty()) {
      add(reading.target);
    }
    if (term.class_target) {
      const int target = term.file_targets[reading.target].target;
      const std::string& field = made_.targets[static_cast<std::size_t>(target)].name;
      const Shape& output = forward_.value(output_named(reading.output).value).shape;
      made_.labels.push_back({field, output[1], -100, index, false});
    }
    for (std::size_t i = 0; i < reading.targets.size(); ++i) {
      if (i != reading.target) {
        add(i);
      }
    }
  }

  void add_target(std::size_t index) {
    LossTerm& term = made_.terms[index];
    const Loss& loss = find_loss(term.loss.name);
    if (loss.target == TargetKind::kNone) {
      return;
    }
    const Field& found = target_of(term);
    const TargetSpec spec = spec_of(term);
    const Shape row = row_of(spec.shape);
    const std::string note =
        check_target(loss, spec, shape_of(term), {found, !term.target.empty(), recipe_.data.train});
    if (!note.empty()) {
      notes_.push_back(note);
    }
    term.target_index = add_field(found, spec.dtype, row, term.target);
    const std::string field = made_.targets[static_cast<std::size_t>(term.target_index)].name;
    if (loss.target == TargetKind::kLabelSequence) {
      add_sequences(term, field, spec);
    }
    if (spec.classes) {
      made_.labels.push_back({field, scores_shape(term)[1],
                              term.loss.parameters.get_int("ignore_index", -100), index});
    }
  }

  void add_sequences(LossTerm& term, const std::string& field, const TargetSpec& spec) {
    const Attrs& parameters = term.loss.parameters;
    const Shape& output = shape_of(term);
    term.target_labels = spec.shape[1];
    RunLosses::Sequences sequences{field, {}, {}};
    sequences.rules = {output[2], parameters.get_int("blank", 0),
                       output[parameters.get_int("batch_first", 1) != 0 ? 1 : 0],
                       parameters.get_int("zero_infinity", 0) != 0};
    const std::string array = parameters.get_string("input_lengths", "");
    if (!array.empty()) {
      term.lengths_index = lengths_field(array);
      sequences.lengths = made_.targets[static_cast<std::size_t>(term.lengths_index)].name;
    }
    made_.sequences.push_back(std::move(sequences));
  }

  // A name for a field that no other has.
  std::string fresh_name(std::string name) const {
    while (std::any_of(made_.targets.begin(), made_.targets.end(),
                       [&](const WantedField& other) { return other.name == name; })) {
      name += '+';
    }
    return name;
  }

  int add_field_of(Port port, WantedField wanted) {
    made_.targets.push_back(std::move(wanted));
    made_.ports.push_back(port);
    return port.index;
  }

  // The field of the frames that count.
  int lengths_field(const std::string& array) {
    for (std::size_t i = 0; i < made_.targets.size(); ++i) {
      if (made_.ports[i].role == PortRole::kInputLengths && made_.targets[i].array == array) {
        return static_cast<int>(i);
      }
    }
    return add_field_of({PortRole::kInputLengths, static_cast<int>(made_.targets.size())},
                        {fresh_name("input_lengths:" + array), DType::kInt64, Shape{}, array});
  }

  // The field that delivers a target in this form; a second form of one array is a second field.
  int add_field(const Field& found, DType dtype, const Shape& row, const std::string& asked) {
    WantedField wanted{found.name, dtype, row, asked};
    for (std::size_t i = 0; i < made_.targets.size(); ++i) {
      const WantedField& other = made_.targets[i];
      if (made_.ports[i].role == PortRole::kTarget && other.array == asked &&
          other.dtype == dtype && other.row_shape == row) {
        return static_cast<int>(i);
      }
      if (other.name == wanted.name) {
        wanted.name = concat(wanted.name, ":", dtype);
        wanted.array = asked.empty() ? found.name : asked;
      }
    }
    wanted.name = fresh_name(std::move(wanted.name));
    return add_field_of({PortRole::kTarget, static_cast<int>(made_.targets.size())},
                        std::move(wanted));
  }

  Recipe& recipe_;
  const LossFiles& files_;
  const graph::Graph& forward_;
  const Dataset& probe_;
  const Backend& reference_;
  std::vector<std::string>& notes_;
  std::map<std::size_t, LossFiles::Reading> readings_;  // of the terms that are files
  RunLosses made_;
};

}  // namespace

RunLosses settle_losses(Recipe& recipe, const LossFiles& files, const graph::Graph& forward,
                        const Dataset& probe, const Backend& reference,
                        std::vector<std::string>& notes) {
  return Settler(recipe, files, forward, probe, reference, notes).settle();
}

}  // namespace temper::training
