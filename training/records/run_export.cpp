#include "training/records/run_export.h"

#include <algorithm>

#include "graph/onnx/export.h"
#include "graph/onnx/external_writer.h"
#include "graph/onnx/import.h"
#include "graph/onnx/surgery/model_edit.h"
#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "training/recipe/recipe.h"
#include "training/records/checkpoint.h"
#include "training/session/data_options.h"
#include "training/session/model_metadata.h"
#include "training/session/observers.h"

namespace temper::training {
namespace {

// The model's tensors of a checkpoint, with the averages in their place where they are asked for.
std::map<std::string, PlainValue> model_values(const SavedTensors& saved, bool averages) {
  std::map<std::string, PlainValue> values = saved.weights;
  if (averages) {
    for (const auto& [name, value] : saved.averages) {
      values[name] = value;
    }
  }
  return values;
}

// Whether the file has these very values; both are read a piece at a time.
bool holds_values(const graph::OnnxModel& model, const std::map<std::string, PlainValue>& values) {
  graph::ModelEdit file(model);
  return std::all_of(values.begin(), values.end(), [&](const auto& entry) {
    const auto& [name, value] = entry;
    if (file.find_tensor(name) == nullptr) {
      return true;
    }
    const PlainValue stored = file.stored(name);
    const auto bytes = [](const PlainValue& of) {
      return graph::StreamedBytes{static_cast<std::uint64_t>(of.bytes()), of.for_each_piece};
    };
    return stored.dtype == value.dtype && stored.shape == value.shape &&
           graph::same_content(bytes(stored), bytes(value));
  });
}

// What the run wrote of its model; how good it is only where the values are the same. Null: that is
// not known, as the file holds integers.
MetadataEntries entries_of(const std::string& last,
                           const std::map<std::string, PlainValue>* values) {
  MetadataEntries entries;
  if (!file_status(last).is_regular) {
    return entries;
  }
  const graph::OnnxModel model = graph::OnnxModel::load(last);
  const bool same = values != nullptr && holds_values(model, *values);
  for (auto& [key, value] : model.metadata()) {
    if (key.starts_with(kMetadataPrefix) && (same || !is_measure(key))) {
      entries.emplace_back(key, value);
    }
  }
  return entries;
}

}  // namespace

std::vector<std::string> export_run(const std::string& run_directory, const std::string& model_path,
                                    bool averages) {
  const std::string written = join_path(run_directory, "recipe.toml");
  TEMPER_CHECK(file_status(written).is_regular, ErrorCode::kInvalidArgument, "'", run_directory,
               "' is not a run directory: it has no recipe.toml");
  RecipeSources sources;
  sources.file = written;
  const Recipe recipe = read_recipe(sources);
  TEMPER_CHECK(!recipe.adversarial.is_on(), ErrorCode::kInvalidArgument, "'", run_directory,
               "' trained two models; its generator and discriminator are in that folder");
  std::vector<std::string> notes;
  const SavedTensors saved = read_newest_checkpoint(run_directory, notes);
  TEMPER_CHECK(
      !averages || saved.state.average_updates > 0, ErrorCode::kInvalidArgument, "'", run_directory,
      "' has no averaged weights ",
      recipe.average.is_on() ? "yet: average.start was not reached" : "(average.kind is \"off\")");
  const graph::OnnxModel model =
      graph::OnnxModel::load(recipe.model.path, {recipe.model.external_data_root});
  const std::string last = join_path(run_directory, "last.onnx");
  const std::map<std::string, PlainValue> values = model_values(saved, averages);
  if (recipe.quantize.is_on()) {
    write_rounded(round_model(model, recipe.quantize), recipe.quantize, values, model_path,
                  {kMetadataPrefix, entries_of(last, nullptr)});
  } else {
    graph::export_model(model, values, model_path, {kMetadataPrefix, entries_of(last, &values)});
  }
  const std::string prepared = preprocessing_path(last);
  if (file_status(prepared).is_regular) {
    write_file_atomically(preprocessing_path(model_path), read_text_file(prepared, 1 << 24));
  }
  return notes;
}

}  // namespace temper::training
