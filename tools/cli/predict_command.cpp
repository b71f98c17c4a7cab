// `temper predict`: every output of a model for all rows of a data set.
#include <algorithm>
#include <cstdio>
#include <utility>

#include "tools/cli/command.h"
#include "tools/cli/device_option.h"
#include "tools/cli/quick_recipe.h"
#include "training/analysis/prediction.h"
#include "training/formats/json.h"

namespace temper::cli {
namespace {

constexpr const char* kFiles = "files";

// Beside the outputs; one of the model's own that has such a name goes before.
std::vector<training::NamedTexts> texts_of(const training::Prediction& prediction) {
  std::vector<training::NamedTexts> texts;
  for (const auto& [name, lines] :
       {std::pair(kFiles, &prediction.files), {"classes", &prediction.classes}}) {
    const bool taken = std::any_of(prediction.outputs.begin(), prediction.outputs.end(),
                                   [&](const auto& output) { return output.first == name; });
    if (!lines->empty() && !taken) {
      texts.emplace_back(name, *lines);
    }
  }
  return texts;
}

int run(const Arguments& arguments) {
  const auto [data, parameters] = required_data(arguments, 1, "temper predict");
  const QuickRecipe quick{arguments.positional(0), data, "", parameters};
  training::Recipe recipe = make_quick_recipe(quick);
  recipe.data.batch_size = arguments.integer("--batch-size", recipe.data.batch_size, 1);
  recipe.data.batch_size_given = recipe.data.batch_size_given || arguments.has("--batch-size");
  recipe.train.threads = arguments.integer("--threads", recipe.train.threads, 1);
  take_device(arguments, recipe);
  const training::Prediction prediction = training::predict(recipe);
  const std::vector<training::NamedTensor>& outputs = prediction.outputs;
  const std::string path = arguments.text("--out");
  const std::vector<training::NamedTexts> texts = texts_of(prediction);
  training::write_npz(path, outputs, false, texts);
  training::JsonValue arrays = training::JsonValue::object();
  for (const auto& [name, lines] : texts) {
    if (arguments.has("--json")) {
      arrays.set(name, concat("text[", lines.size(), "]"));
    } else {
      std::printf("%s  %zu names, one for each %s\n", name.c_str(), lines.size(),
                  name == kFiles ? "row" : "class");
    }
  }
  for (const auto& [name, tensor] : outputs) {
    if (arguments.has("--json")) {
      arrays.set(name, concat(tensor.dtype(), tensor.shape()));
    } else {
      std::printf("%s  %s\n", name.c_str(), concat(tensor.dtype(), tensor.shape()).c_str());
    }
  }
  if (arguments.has("--json")) {
    training::JsonValue line = training::JsonValue::object();
    line.set("out", path);
    line.set("arrays", std::move(arrays));
    std::printf("%s\n", line.text().c_str());
  }
  return 0;
}

}  // namespace

Command predict_command() {
  return {
      "predict",
      "every output of a model for all rows, to an .npz",
      "",
      {{"MODEL", "the ONNX file"},
       {"DATA|KEY=VALUE",
        "the inputs, such as an .npz; then keys of a recipe, such as data.scale=true", false,
        true}},
      {{"--data", "FILE", "DATA, as an option"},
       {"--out", "P.npz",
        "one array per output, by its name; of pictures also their files, of classes their names",
        true},
       {"--batch-size", "N", "samples per batch; 32 when left out"},
       {"--threads", "N", "threads; all processors when left out"},
       device_option(),
       {"--json", "", "one JSON line, and errors as JSON"}},
      run};
}

}  // namespace temper::cli
