// `temper eval`: loss and accuracy of a model on a data set.
#include <cstdio>

#include "tools/cli/command.h"
#include "tools/cli/quick_recipe.h"
#include "training/evaluation.h"
#include "training/formats/json.h"

namespace temper::cli {
namespace {

void print_json(const training::Evaluation& evaluation) {
  training::JsonValue line = training::JsonValue::object();
  line.set("loss", evaluation.loss);
  if (evaluation.has_accuracy) {
    line.set("accuracy", evaluation.accuracy.value());
  }
  line.set("samples", evaluation.samples);
  std::printf("%s\n", line.text().c_str());
}

int run(const Arguments& arguments) {
  QuickRecipe quick{arguments.positional(0), arguments.text("--data"), arguments.text("--loss"),
                    parameters_of(arguments, 1)};
  training::Recipe recipe = make_quick_recipe(quick);
  recipe.data.batch_size = arguments.integer("--batch-size", recipe.data.batch_size, 1);
  recipe.train.threads = arguments.integer("--threads", recipe.train.threads, 1);
  training::SessionNeeds needs;
  needs.stored_preprocessing = true;
  training::Session session(recipe, {}, needs);
  for (const std::string& note : session.notes()) {
    std::fprintf(stderr, "%s\n", note.c_str());
  }
  const training::Evaluation evaluation = training::evaluate_training_rows(session);
  if (arguments.has("--json")) {
    print_json(evaluation);
    return 0;
  }
  std::printf("loss      %.6g\n", evaluation.loss);
  if (evaluation.has_accuracy) {
    std::printf("accuracy  %.6g\n", evaluation.accuracy.value());
  }
  std::printf("samples   %lld\n", static_cast<long long>(evaluation.samples));
  return 0;
}

}  // namespace

Command eval_command() {
  return {
      "eval",
      "loss and accuracy of a model on a data set",
      "",
      {{"MODEL", "the ONNX file"},
       {"KEY=VALUE", "parameters of the loss, or any key of a recipe", false, true}},
      {{"--data", "FILE", "inputs and `target`, such as an .npz", true},
       {"--loss", "NAME", "such as mse or cross_entropy; inferred from the target when left out"},
       {"--batch-size", "N", "samples per batch; 32 when left out"},
       {"--threads", "N", "threads; all processors when left out"},
       {"--json", "", "one JSON line, and errors as JSON"}},
      run};
}

}  // namespace temper::cli
