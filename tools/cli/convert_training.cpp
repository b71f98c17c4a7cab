#include "tools/cli/convert_training.h"

#include <cstdio>

#include "runtime/base/error.h"
#include "tools/cli/quick_recipe.h"
#include "tools/cli/recipe_words.h"
#include "training/analysis/training_step.h"
#include "training/formats/json.h"

namespace temper::cli {
namespace {

using training::JsonValue;
using training::TrainingStepReport;

void print_json(const TrainingStepReport& report, const std::string& out) {
  JsonValue line = JsonValue::object();
  line.set("out", out);
  line.set("opset", report.opset);
  line.set("nodes", report.nodes);
  line.set("batch", report.batch);
  line.set("inputs", JsonValue::array_of(report.inputs));
  line.set("outputs", JsonValue::array_of(report.outputs));
  line.set("trained_tensors", report.parameters);
  line.set("state_tensors", report.states);
  line.set("rate_steps", report.rate_steps);
  line.set("notes", JsonValue::array_of(report.notes));
  std::printf("%s\n", line.text().c_str());
}

}  // namespace

const std::vector<OptionSpec>& training_option_specs() {
  static const std::vector<OptionSpec> specs = {
      {"--training", "", "IN is a recipe: writes its model with the training step inside"},
      {"--flat", "", "with --training: the step alone, as a plain model"}};
  return specs;
}

int convert_training(const Arguments& arguments) {
  const std::string& out = arguments.positional(1);
  training::TrainingStepOptions options;
  options.flat = arguments.has("--flat");
  const training::Recipe recipe =
      training::read_recipe(recipe_sources(arguments.positional(0), parameters_of(arguments, 2)));
  const TrainingStepReport report = training::write_training_step(recipe, out, options);
  if (arguments.has("--json")) {
    print_json(report, out);
    return 0;
  }
  const auto number = [](std::int64_t n) { return static_cast<long long>(n); };
  print_notes(report.notes);
  std::printf("a step of %lld rows in %lld nodes of opset %lld\n", number(report.batch),
              number(report.nodes), number(report.opset));
  std::printf("takes %s; gives %s\n", join(report.inputs, ", ").c_str(),
              join(report.outputs, ", ").c_str());
  std::printf("changes %lld tensors of the model and %lld of the optimizer\n",
              number(report.parameters), number(report.states));
  if (report.rate_steps > 1) {
    std::printf("has the rates of %lld steps; later ones have the last\n",
                number(report.rate_steps));
  }
  std::printf("%s\n", out.c_str());
  return 0;
}

}  // namespace temper::cli
