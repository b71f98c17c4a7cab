#include "training/objective/loss_files.h"

#include <algorithm>
#include <utility>

#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "training/data/row_shape.h"

namespace temper::training {
namespace {

constexpr std::int64_t kProbeBatch = 2;

std::string_view without_prefix(std::string_view name) {
  return name.starts_with(kTargetNamePrefix) ? name.substr(kTargetNamePrefix.size()) : name;
}

Shape with_batch(const Shape& row) {
  Shape shape{kProbeBatch};
  for (const std::int64_t dim : row) {
    shape.push_back(dim);
  }
  return shape;
}

// The target field for an input of this name: "target" is the only one there is, too.
const Field& field_for(const std::string& path, std::string_view name, const Dataset& probe) {
  const Field* only = nullptr;
  std::vector<std::string> names;
  for (const Field& field : probe.fields()) {
    if (field.is_target) {
      if (field.name == name) {
        return field;
      }
      only = &field;
      names.push_back(field.name);
    }
  }
  TEMPER_CHECK(names.size() == 1 && name == kTargetInput, ErrorCode::kInvalidData, path,
               " takes a target '", name, "', but the data have ",
               names.empty() ? "none" : join(names, ", "));
  return *only;
}

// The row of a target in the form that the file takes, the sizes that symbols stand for included.
Shape wanted_row(const graph::Value& input, const std::string& path, const Field& field,
                 const LossSymbols& symbols) {
  if (!input.rank_known) {
    return field.row_shape;
  }
  TEMPER_CHECK(
      !input.dims.empty(), ErrorCode::kInvalidArgument, path, " takes '", input.name,
      "' as a single number, but a target of the data is a row per sample: declare [batch, "
      "...]");
  const bool same_rank = static_cast<int>(input.dims.size()) == field.row_shape.rank() + 1;
  Shape row;
  for (std::size_t axis = 1; axis < input.dims.size(); ++axis) {
    const graph::Dim& dim = input.dims[axis];
    const auto named = symbols.find(dim.symbol);
    const std::int64_t known = dim.value >= 0           ? dim.value
                               : named != symbols.end() ? named->second
                               : same_rank ? field.row_shape[static_cast<int>(axis) - 1]
                                           : -1;
    TEMPER_CHECK(known >= 0, ErrorCode::kInvalidArgument, path, " takes '", input.name, "' with ",
                 input.dims.size(), " dimensions, the batch included, but '", field.name,
                 "' of the data has ", field.row_shape.rank() + 1, " ([N",
                 field.row_shape.rank() > 0 ? "," : "", join(field.row_shape.dims(), ","), "])");
    row.push_back(known);
  }
  return row;
}

// Labels of an output [N, C, ...], or numbers compared with it one by one.
PredictionKind prediction_of(const Shape& output, const LossFileTarget& target) {
  if (is_float(target.dtype)) {
    return with_batch(target.row_shape) == output ? PredictionKind::kRegression
                                                  : PredictionKind::kOther;
  }
  Shape places;
  for (int axis = 2; axis < output.rank(); ++axis) {
    places.push_back(output[axis]);
  }
  const bool labels = target.dtype == DType::kInt64 && output.rank() >= 2 && output[1] > 1 &&
                      target.row_shape == places;
  return labels ? PredictionKind::kClassScores : PredictionKind::kOther;
}

}  // namespace

std::vector<LossTermSettings> written_terms(const Recipe& recipe) {
  return recipe.loss_terms.empty() ? std::vector{recipe.loss} : recipe.loss_terms;
}

LossFiles::LossFiles(const Recipe& recipe, const graph::Graph& model)
    : sample_weight_(!recipe.sample_weight.empty()) {
  for (const graph::ValueId id : model.inputs) {
    model_inputs_.push_back(model.value(id).name);
  }
  for (const graph::Graph::Output& output : model.outputs) {
    model_outputs_.push_back(output.name);
  }
  for (const LossTermSettings& term : written_terms(recipe)) {
    paths_.push_back(term.file);
    graphs_.emplace_back();
    if (!term.is_file()) {
      continue;
    }
    const graph::OnnxModel model_file = graph::OnnxModel::load(term.file);
    graph::Graph file = as_loss_file(model_file.build_graph(graph::standard_ops()), term.file);
    side_files_.push_back(side_model(
        recipe.loss_terms.empty() ? "loss.file" : concat("loss.term ", graphs_.size(), " file"),
        model_file));
    check_loss_gradient(file, term.file, model_outputs_);
    std::vector<std::string> names;
    for (const graph::ValueId id : file.inputs) {
      names.push_back(file.value(id).name);
    }
    TEMPER_CHECK(
        !sample_weight_ || std::find(names.begin(), names.end(), kSampleWeightInput) != names.end(),
        ErrorCode::kInvalidArgument, "loss.sample_weight is set, but ", term.file,
        " takes no weights (its inputs are ", join(names, ", "), "): give it an input ",
        kSampleWeightInput, " [batch], or leave loss.sample_weight out");
    graphs_.back() = std::make_unique<graph::Graph>(std::move(file));
  }
}

std::vector<std::string> LossFiles::wanted_targets(std::size_t term) const {
  std::vector<std::string> names;
  for (const graph::ValueId id : graph(term)->inputs) {
    const std::string& name = graph(term)->value(id).name;
    if (role_of(name, model_inputs_, model_outputs_, sample_weight_) == LossFileRole::kTarget) {
      names.emplace_back(without_prefix(name));
    }
  }
  return names;
}

std::vector<std::string> LossFiles::explain() const {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < graphs_.size(); ++i) {
    if (graphs_[i] != nullptr && !wanted_targets(i).empty()) {
      lines.push_back(concat("the loss file ", paths_[i], " takes ", join(wanted_targets(i), ", "),
                             " from the data; what it may name of the model is the outputs ",
                             join(model_outputs_, ", "), " and the inputs ",
                             join(model_inputs_, ", ")));
    }
  }
  return lines;
}

LossSymbols LossFiles::check_model_values(std::size_t term, const graph::Graph& forward) const {
  LossSymbols symbols;
  for (const graph::ValueId id : graph(term)->inputs) {
    const graph::Value& input = graph(term)->value(id);
    const LossFileRole role = role_of(input.name, model_inputs_, model_outputs_, sample_weight_);
    TEMPER_CHECK(input.dims.empty() || input.dims.front().value < 0, ErrorCode::kInvalidArgument,
                 paths_[term], " takes '", input.name, "' in batches of ", input.dims.front().value,
                 ", but batches differ in size: export it with a dynamic first dimension (in "
                 "PyTorch: dynamic_shapes)");
    const ModelValues model{forward.inputs, forward.outputs};
    if (role == LossFileRole::kModelOutput) {
      const graph::Value& value = forward.value(model.value_of(forward, input.name, role));
      check_loss_input(input, paths_[term], "the model's output", value.dtype, value.shape,
                       symbols);
    } else if (role == LossFileRole::kModelInput) {
      const graph::Value& value = forward.value(model.value_of(forward, input.name, role));
      check_loss_input(input, paths_[term], "the model's input", value.dtype, value.shape, symbols);
    }
  }
  return symbols;
}

LossFiles::Reading LossFiles::read(std::size_t term, const graph::Graph& forward,
                                   const Dataset& probe, const Backend& reference) const {
  const graph::Graph& file = *graph(term);
  Reading reading;
  LossSymbols symbols = check_model_values(term, forward);
  for (const graph::ValueId id : file.inputs) {
    const graph::Value& input = file.value(id);
    if (role_of(input.name, model_inputs_, model_outputs_, sample_weight_) !=
        LossFileRole::kTarget) {
      continue;
    }
    const Field& field = field_for(paths_[term], without_prefix(input.name), probe);
    const Shape row = wanted_row(input, paths_[term], field, symbols);
    check_loss_input(input, paths_[term], "the target", input.dtype, with_batch(row), symbols);
    TEMPER_CHECK(without_ones(field.row_shape) == without_ones(row), ErrorCode::kInvalidArgument,
                 paths_[term], " takes '", input.name, "' with rows of shape ", row,
                 ", but those of '", field.name, "' in the data are ", field.row_shape);
    reading.targets.push_back({input.name, 0, input.dtype, row});
    reading.fields.push_back(&field);
  }
  for (const graph::ValueId id : file.inputs) {
    const std::string& name = file.value(id).name;
    if (role_of(name, model_inputs_, model_outputs_, sample_weight_) !=
        LossFileRole::kModelOutput) {
      continue;
    }
    reading.output = reading.output.empty() ? name : reading.output;
    const ModelValues model{forward.inputs, forward.outputs};
    const Shape& shape =
        forward.value(model.value_of(forward, name, LossFileRole::kModelOutput)).shape;
    for (std::size_t i = 0;
         i < reading.targets.size() && reading.prediction == PredictionKind::kOther; ++i) {
      reading.prediction = prediction_of(shape, reading.targets[i]);
      if (reading.prediction != PredictionKind::kOther) {
        reading.output = name;
        reading.target = i;
      }
    }
  }
  try_out(term, forward, reading, reference);
  return reading;
}

std::string LossFiles::describe(std::size_t term, const Reading& reading) const {
  std::vector<std::string> parts;
  for (const graph::ValueId id : graph(term)->inputs) {
    const std::string& name = graph(term)->value(id).name;
    const auto target = std::find_if(reading.targets.begin(), reading.targets.end(),
                                     [&](const LossFileTarget& t) { return t.input == name; });
    const LossFileRole role = role_of(name, model_inputs_, model_outputs_, sample_weight_);
    parts.push_back(concat(
        name, role == LossFileRole::kModelOutput  ? " (the model's output)"
              : role == LossFileRole::kModelInput ? " (the model's input)"
              : role == LossFileRole::kSampleWeight
                  ? " (loss.sample_weight)"
                  : concat(" (the data's, ", target->dtype, target->row_shape, " per sample)")));
  }
  return concat(paths_[term], " takes ", join(parts, ", "));
}

// In a batch of two a loss for each sample shows itself.
void LossFiles::try_out(std::size_t term, const graph::Graph& forward, const Reading& reading,
                        const Backend& reference) const {
  graph::Graph scratch = forward;
  const ModelValues model{forward.inputs, forward.outputs};
  LossTerm settings;
  settings.file = paths_[term];
  settings.graph = graph(term);
  std::map<std::string, graph::ValueId> given;
  for (const graph::ValueId id : settings.graph->inputs) {
    const graph::Value& input = settings.graph->value(id);
    const LossFileRole role = role_of(input.name, model_inputs_, model_outputs_, sample_weight_);
    if (role == LossFileRole::kModelOutput) {
      given[input.name] = model.value_of(forward, input.name, role);
    } else if (role == LossFileRole::kModelInput) {
      given[input.name] = model.value_of(forward, input.name, role);
    } else if (role == LossFileRole::kSampleWeight) {
      given[input.name] = scratch.add_input(kSampleWeightInput, input.dtype, Shape{kProbeBatch});
    }
  }
  for (const LossFileTarget& target : reading.targets) {
    given[target.input] = scratch.add_input(concat("target ", target.input), target.dtype,
                                            with_batch(target.row_shape));
  }
  add_loss_file(scratch, settings, given, reference);
}

}  // namespace temper::training
