// `temper eval`: loss and metrics of a model on a data set, of a recipe's model, or of a run's
// best.
#include <cstdio>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "tools/cli/command.h"
#include "tools/cli/device_option.h"
#include "tools/cli/evaluation_charts.h"
#include "tools/cli/evaluation_report.h"
#include "tools/cli/quick_recipe.h"
#include "tools/cli/recipe_words.h"
#include "training/session/run_metrics.h"

namespace temper::cli {
namespace {

using training::Recipe;
using training::Session;

// A model file with data, a recipe, or the folder of a run.
Recipe read_target(const Arguments& arguments) {
  const std::string& first = arguments.positional(0);
  if (first.ends_with(".onnx")) {
    const auto [data, settings] = required_data(arguments, 1, "temper eval");
    return make_quick_recipe({first, data, arguments.text("--loss"), settings});
  }
  auto [data, settings] = typed_data(arguments, 1);
  const bool is_run = file_status(first).is_folder;
  if (arguments.has("--loss")) {
    settings.push_back("loss.name=" + arguments.text("--loss"));
  }
  Recipe recipe = training::read_recipe(
      recipe_sources(is_run ? join_path(first, "recipe.toml") : first, settings));
  TEMPER_CHECK(!recipe.adversarial.is_on(), ErrorCode::kInvalidArgument, first,
               " trains two models; evaluate one of them: temper eval MODEL.onnx DATA");
  if (is_run) {
    const std::string best = join_path(first, "best.onnx");
    recipe.model.path = file_status(best).exists ? best : join_path(first, "last.onnx");
  }
  if (!data.empty()) {
    recipe.data.train = data;
    recipe.data.val.clear();
    recipe.data.val_split = 0;
  }
  return recipe;
}

std::string described_data(const Session& session, bool validation, std::int64_t samples) {
  const training::DataSettings& data = session.recipe().data;
  const std::string& file = validation && !data.val.empty() ? data.val : data.train;
  return concat(file, ", ", samples,
                validation && data.val.empty() ? " samples held out for validation" : " samples");
}

int run(const Arguments& arguments) {
  Recipe recipe = read_target(arguments);
  const std::string on = arguments.text("--on", "val");
  TEMPER_CHECK(on == "val" || on == "train", ErrorCode::kInvalidArgument,
               "--on takes val or train, not '", on, "'");
  recipe.data.batch_size = arguments.integer("--batch-size", recipe.data.batch_size, 1);
  recipe.train.threads = arguments.integer("--threads", recipe.train.threads, 1);
  take_device(arguments, recipe);
  if (recipe.origins["metrics.names"] != "command line") {  // what training logged is no limit here
    recipe.metrics.names = {std::string(training::kAllMetrics)};
  }
  training::SessionNeeds needs;
  needs.stored_preprocessing = true;
  needs.trains = false;
  Session session(std::move(recipe), {}, needs);
  if (!file_status(arguments.positional(0)).is_folder) {  // the run has told them
    print_notes(session.notes());
  }
  EvaluationReport report;
  report.model = session.recipe().model.path;
  report.class_names = training::class_names(session);
  report.metrics = training::make_set_metrics(session, session.recipe().metrics);
  const bool validation = session.has_validation() && on == "val";
  report.evaluation = validation ? evaluate_validation_rows(session, report.metrics)
                                 : evaluate_training_rows(session, report.metrics);
  if (!report.evaluation.trouble.empty()) {
    std::fprintf(stderr, "%s\n", report.evaluation.trouble.c_str());
  }
  report.data = described_data(session, validation, report.evaluation.samples);
  std::vector<std::string> charts;
  if (arguments.has("--charts")) {
    const std::string samples =
        concat(report.evaluation.samples, validation ? " validation samples" : " samples");
    charts = write_charts(evaluation_charts(report.metrics, report.class_names, samples),
                          arguments.text("--charts"));
  }
  if (arguments.has("--json")) {
    training::JsonValue json = report_json(report);
    training::JsonValue paths = training::JsonValue::array();
    for (const std::string& chart : charts) {
      paths.push_back(chart + ".png");
    }
    json.set("charts", std::move(paths));
    std::printf("%s\n", json.text().c_str());
    return 0;
  }
  std::fputs(report_text(report).c_str(), stdout);
  for (const std::string& chart : charts) {
    std::printf("%schart                %s.png\n", &chart == &charts.front() ? "\n" : "",
                chart.c_str());
  }
  if (arguments.has("--charts") && charts.empty()) {
    std::printf(
        "\nno charts: this loss and target have neither classes to tell apart nor one value a "
        "sample\n");
  }
  return 0;
}

}  // namespace

Command eval_command() {
  return {
      "eval",
      "loss and metrics of a model: accuracy, F1, areas, errors, a line per class",
      "A recipe or a run is evaluated on its validation rows, or on the training data when it has "
      "none; a model file on\n"
      "all rows of its data. All metrics that apply are computed, unless metrics.names=... chooses "
      "some here.",
      {{"MODEL", "MODEL.onnx DATA; or RECIPE.toml; or a run directory: its best model"},
       {"DATA|KEY=VALUE",
        "inputs and `target`, such as an .npz (in place of a recipe's data); then any key of a "
        "recipe; without a table, a parameter of the loss",
        false, true}},
      {{"--data", "FILE", "DATA, as an option"},
       {"--on", "SET", "val or train: which rows of a recipe or a run; val"},
       {"--loss", "NAME", "such as mse or cross_entropy; inferred from the target when left out"},
       {"--charts", "DIR",
        "write the confusion matrix, ROC and precision-recall curves, or of a regression its "
        "values, there"},
       {"--batch-size", "N", "samples per batch; 32 when left out"},
       {"--threads", "N", "threads; all processors when left out"},
       device_option(),
       {"--json", "", "one JSON line, and errors as JSON"}},
      run};
}

}  // namespace temper::cli
