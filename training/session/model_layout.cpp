#include "training/session/model_layout.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

using graph::Graph;
using graph::ValueId;

bool is_usual(const InputPlace& place) {
  return place.kind == InputPlace::Kind::kAxis && place.axis == 0 && !place.has_value;
}

bool is_usual(const OutputPlace& place) {
  return place.kind == OutputPlace::Kind::kAxis && place.axis == 0 && place.time < 0;
}

// Whether a loss takes this output with the steps first, as its setting says (PyTorch's CTC).
bool is_read_steps_first(const Recipe& recipe, const Graph& graph, const std::string& output) {
  const auto takes = [&](const LossTermSettings& term) {
    const std::string& read =
        term.outputs.empty() ? graph.outputs.front().name : term.outputs.front();
    return read == output && term.loss.parameters.get_int("batch_first", 1) == 0;
  };
  return takes(recipe.loss) ||
         std::any_of(recipe.loss_terms.begin(), recipe.loss_terms.end(), takes);
}

}  // namespace

ModelLayout::ModelLayout(Graph& graph, const graph::OnnxModel& model, const ModelSettings& settings,
                         const Backend& reference, std::vector<std::string>& notes) {
  inputs_ = find_input_layout(graph, model.outputs(), settings, reference);
  for (const InputPlace& place : inputs_.places) {
    TEMPER_CHECK(place.kind != InputPlace::Kind::kShared || place.has_value,
                 ErrorCode::kInvalidArgument, "the model's input '", place.name,
                 "' is a single number, but data give a row for each sample: write what it is, "
                 "model.input.",
                 place.name, ".value = 0 or another number");
    if (!is_usual(place)) {
      notes.push_back(concat("input ", place.name, " ", place.dims, ": ", describe(place)));
    }
  }
  arrange_inputs(graph, inputs_, settings);
}

void ModelLayout::mark_optional(DataOptions& options) const {
  for (WantedField& input : options.inputs) {
    input.optional = is_optional(input.name);
  }
}

bool ModelLayout::is_optional(std::string_view input) const {
  const InputPlace* place = inputs_.find(input);
  return place != nullptr && place->is_state;
}

void ModelLayout::give_states(Graph& graph, const Dataset& data,
                              std::vector<std::string>& notes) const {
  std::vector<std::string> given;
  const std::vector<ValueId> inputs = graph.inputs;
  for (const ValueId id : inputs) {
    const std::string name = graph.value(id).name;
    const bool in_data =
        std::any_of(data.fields().begin(), data.fields().end(),
                    [&](const Field& field) { return !field.is_target && field.name == name; });
    if (!in_data && is_optional(name) && inputs_.find(name)->carry.empty()) {
      give_zeros(graph, id);
      given.push_back(name);
    }
  }
  if (!given.empty()) {
    notes.push_back(concat("the states ", join(given, ", "),
                           " are zeros, as neither the data nor model.input.NAME.value give them"));
  }
}

std::vector<OutputPlace> find_output_places(const Graph& graph, const ModelSettings& settings,
                                            InputLayout& inputs, const Backend& reference,
                                            std::string& because) {
  try {
    return find_output_places(graph, settings, inputs.one_sample, reference);
  } catch (const Error& error) {
    const bool of_the_model =
        error.code() == ErrorCode::kInvalidModel || error.code() == ErrorCode::kUnsupported;
    if (!of_the_model || inputs.one_sample) {
      throw;
    }
    std::vector<OutputPlace> places;
    try {
      places = find_output_places(graph, settings, true, reference);
    } catch (const Error&) {
      // It is no matter of the batch.
    }
    if (places.empty()) {
      throw;
    }
    inputs.one_sample = true;
    because = error.what();
    return places;
  }
}

void ModelLayout::check_rows(std::int64_t rows) const {
  TEMPER_CHECK(!one_sample() || rows == 1, ErrorCode::kInvalidArgument,
               "the model takes one sample at a time, not ", rows,
               " in a batch: give data of one row");
}

void ModelLayout::settle(Graph& graph, Recipe& recipe, const Backend& reference,
                         std::vector<std::string>& notes) {
  DataSettings& data = recipe.data;
  const bool asked = data.batch_size_given && data.batch_size == 1;
  std::string because;
  std::vector<OutputPlace> places =
      find_output_places(graph, recipe.model, inputs_, reference, because);
  if (one_sample() && !asked) {
    TEMPER_CHECK(!data.batch_size_given, ErrorCode::kInvalidArgument, "data.batch_size is ",
                 data.batch_size, ", but the model takes one sample at a time",
                 because.empty() ? "" : concat(" (", because, ")"),
                 ": write 1, or leave it out; train.accumulate = ", data.batch_size,
                 " makes steps of as many");
    notes.push_back(concat("data.batch_size = 1 (the model takes one sample at a time",
                           because.empty() ? "" : concat(": ", because),
                           "; train.accumulate makes steps of several)"));
    data.batch_size = 1;
  }
  for (OutputPlace& place : places) {
    // What is of the whole batch is of the sample where that is all there is.
    if (place.kind == OutputPlace::Kind::kWhole && asked) {
      place.kind = OutputPlace::Kind::kSample;
      inputs_.one_sample = true;
    }
    if (place.kind == OutputPlace::Kind::kAxis && place.axis == 1 && place.time < 0 &&
        is_read_steps_first(recipe, graph, place.name)) {
      place.kind = OutputPlace::Kind::kWhole;
      continue;  // the loss knows
    }
    if (!is_usual(place)) {
      notes.push_back(concat("output ", place.name, ": ", describe(place)));
    }
  }
  arrange_outputs(graph, places);
  settle_carried(graph, recipe.model, places);
}

void ModelLayout::settle_carried(Graph& graph, const ModelSettings& settings,
                                 const std::vector<OutputPlace>& places) {
  for (const ValueId id : graph.inputs) {
    const graph::Value& input = graph.value(id);
    if (input.port.role != graph::PortRole::kCarriedState) {
      continue;
    }
    const std::string& output = inputs_.find(input.name)->carry;
    const auto place = std::find_if(places.begin(), places.end(),
                                    [&](const OutputPlace& each) { return each.name == output; });
    TEMPER_ASSERT(place != places.end());
    TEMPER_CHECK(
        place->kind == OutputPlace::Kind::kAxis || place->kind == OutputPlace::Kind::kSample,
        ErrorCode::kInvalidArgument, "model.input.", input.name, ".carry = \"", output,
        "\": the output is ", describe(*place), ", so it is no state of each sample");
    const auto at = static_cast<std::size_t>(place - places.begin());
    graph.add_output(concat("carried ", output), graph.outputs[at].value, input.port);
    carried_.push_back({input.name, output, initial_state(graph, id, settings)});
  }
}

void arrange_teacher(Graph& teacher, const graph::OnnxModel& file, const Graph& model,
                     const ModelSettings& settings, const Backend& reference) {
  const auto has_input = [](const Graph& graph, const std::string& name) {
    return std::any_of(graph.inputs.begin(), graph.inputs.end(),
                       [&](ValueId id) { return graph.value(id).name == name; });
  };
  ModelSettings of_teacher;
  for (const InputSettings& input : settings.inputs) {
    if (has_input(teacher, input.name)) {
      of_teacher.inputs.push_back(input);
    }
  }
  const InputLayout layout = find_input_layout(teacher, file.outputs(), of_teacher, reference);
  arrange_inputs(teacher, layout, of_teacher);
  const std::vector<ValueId> inputs = teacher.inputs;
  for (const ValueId id : inputs) {
    const std::string name = teacher.value(id).name;
    if (layout.find(name)->is_state && !has_input(model, name)) {
      give_zeros(teacher, id);
    }
  }
}

std::vector<SideFile> value_files(const ModelSettings& settings) {
  std::vector<SideFile> files;
  for (const InputSettings& input : settings.inputs) {
    if (!input.value_file.empty()) {
      files.push_back(side_file(concat("model.input.", input.name, ".value"), input.value_file));
    }
  }
  return files;
}

}  // namespace temper::training
