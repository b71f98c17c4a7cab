// The tables of a recipe, a line on each.
#include <algorithm>

#include "runtime/base/error.h"
#include "training/recipe/recipe_keys.h"

namespace temper::training {
namespace {

// In the order in which a person writes a recipe.
constexpr std::pair<const char*, const char*> kTables[] = {
    {"model", "which ONNX file, and what of it trains"},
    {"model.input", "of one input: where its samples lie, or what it is in place of data"},
    {"model.output", "of one output: where its samples lie"},
    {"models.generator", "of two models: the generator's ONNX file"},
    {"models.discriminator", "of two models: the discriminator's ONNX file"},
    {"compile", "how the model becomes a plan"},
    {"data", "which data, how they are read, split and batched"},
    {"data.field", "of one input or target: what it is filled up with, or made of"},
    {"augment", "what training pictures go through at random"},
    {"loss", "which loss, with its parameters; penalties on weights"},
    {"loss.term", "several losses, added up"},
    {"loss.teacher", "distillation from a second model"},
    {"optimizer", "which optimizer, with its parameters, lr among them"},
    {"optimizer.group", "tensors with settings of their own"},
    {"optimizer.generator", "of two models: the generator's optimizer"},
    {"optimizer.discriminator", "of two models: the discriminator's optimizer"},
    {"schedule", "how the learning rate moves; warm-up"},
    {"schedule.phase", "schedules one after another"},
    {"schedule.generator", "of two models: the generator's schedule"},
    {"schedule.discriminator", "of two models: the discriminator's schedule"},
    {"clip", "limits on gradients"},
    {"clip.generator", "of two models: the generator's limits"},
    {"clip.discriminator", "of two models: the discriminator's limits"},
    {"train", "length of the run, device, precision, threads, folder"},
    {"train.stage", "parts of the run that freeze something else"},
    {"scaler", "loss scaling of fp16"},
    {"average", "an average of the weights beside them: EMA, SWA"},
    {"quantize", "training with rounded weights and values: QAT, exported as integers"},
    {"metrics", "what is measured over the validation set"},
    {"checkpoint", "when to save, what is the best model, when to stop early"},
    {"log", "how often, TensorBoard, charts"},
    {"adversarial", "two models against each other: loss, ratio, noise, samples"},
    {"compare.run", "the runs of temper compare"},
};

}  // namespace

const std::vector<RecipeTable>& recipe_tables() {
  static const std::vector<RecipeTable> kAll = [] {
    std::vector<RecipeTable> all;
    for (const auto& [name, help] : kTables) {
      all.push_back({name, help});
    }
    for (const RepeatedTable& repeated : repeated_tables()) {
      const auto found = std::find_if(all.begin(), all.end(), [&](const RecipeTable& table) {
        return table.name == repeated.name;
      });
      TEMPER_ASSERT(found != all.end(), "[[", repeated.name, "]] has no line");
      found->repeated = !repeated.is_named();
      found->named = repeated.is_named();
    }
    return all;
  }();
  return kAll;
}

std::vector<std::string> recipe_table_names() {
  std::vector<std::string> names;
  for (const RecipeTable& table : recipe_tables()) {
    names.push_back(table.name);
  }
  return names;
}

}  // namespace temper::training
