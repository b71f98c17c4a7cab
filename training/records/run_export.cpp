#include "training/records/run_export.h"

#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "training/recipe/recipe.h"
#include "training/records/checkpoint.h"
#include "training/session/data_options.h"

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
  graph::export_model(model, model_values(saved, averages), model_path);
  const std::string prepared = preprocessing_path(join_path(run_directory, "last.onnx"));
  if (file_status(prepared).is_regular) {
    write_file_atomically(preprocessing_path(model_path), read_text_file(prepared, 1 << 24));
  }
  return notes;
}

}  // namespace temper::training
