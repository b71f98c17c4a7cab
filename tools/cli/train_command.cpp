// `temper train`: runs a recipe, shows its progress and says where everything is.
#include <cstdio>
#include <optional>
#include <utility>

#include "graph/onnx/export.h"
#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "runtime/platform/folders.h"
#include "runtime/platform/signals.h"
#include "tools/cli/adversarial_run.h"
#include "tools/cli/command.h"
#include "tools/cli/evaluation_charts.h"
#include "tools/cli/help_keys.h"
#include "tools/cli/memory_report.h"
#include "tools/cli/pass_dump.h"
#include "tools/cli/quick_recipe.h"
#include "tools/cli/recipe_words.h"
#include "tools/cli/run_watcher.h"
#include "training/analysis/group_report.h"
#include "training/analysis/training_step.h"
#include "training/formats/json.h"
#include "training/recipe/recipe_keys.h"
#include "training/run/trainer.h"
#include "training/session/run_metrics.h"

namespace temper::cli {
namespace {

using training::Recipe;
using training::RunOutcome;
using training::RunResult;
using training::Session;
using training::Trainer;

// Of an epoch's line.
std::vector<std::string> shown_metrics(const Session& session) {
  std::vector<std::string> shown = {"train/loss", "train/accuracy", "val/loss"};
  for (const std::string& name : training::wanted_metrics(session).names) {
    shown.push_back("val/" + training::logged_name(name, session.recipe().metrics));
  }
  return shown;
}

class Watcher final : public RunWatcher {
 public:
  Watcher(const Session& session, const StopSignals& signals, bool quiet)
      : RunWatcher(session.recipe(), signals,
                   Progress(session.has_validation() && session.recipe().train.eval_every == 0,
                            quiet, shown_metrics(session))) {}

  bool judges_best() const override { return draws_charts(); }
  void best_judged(const training::SetMetrics& metrics,
                   const std::vector<std::string>& class_names) override {
    of_best_ = evaluation_charts(metrics, class_names, "best model, validation set");
  }

 private:
  std::vector<NamedChart> other_charts() override { return std::move(of_best_); }

  std::vector<NamedChart> of_best_;
};

// Of a model file that holds its training step: the recipe of that step, on the data that were
// typed. False: it holds none.
bool read_step_recipe(const Arguments& arguments, TypedRecipe& target) {
  const auto [data, settings] = typed_data(arguments, 1);
  std::optional<Recipe> recipe =
      training::recipe_of_step(arguments.positional(0), recipe_sources("", settings));
  if (!recipe) {
    return false;
  }
  if (!data.empty()) {
    recipe->data.train = data;
    recipe->origins["data.train"] = "command line";
  }
  target.file = arguments.positional(0);
  target.from_model = true;
  target.recipe = std::move(*recipe);
  return true;
}

// What was typed: a model with its step, a recipe, a run directory to resume, or a model with its
// data; then key=value.
TypedRecipe read_target(const Arguments& arguments, bool& by_step) {
  const std::string& first = arguments.positional(0);
  TypedRecipe target;
  std::string run_directory;
  if (file_status(first).is_folder) {
    TEMPER_CHECK(arguments.has("--resume"), ErrorCode::kInvalidArgument, "'", first,
                 "' is a folder; to go on with the run in it, add --resume");
    run_directory = first;
    target.recipe = training::read_recipe(
        recipe_sources(join_path(first, "recipe.toml"), parameters_of(arguments, 1)));
  } else if (first.ends_with(".onnx") && read_step_recipe(arguments, target)) {
    by_step = true;
  } else {
    target = read_typed_recipe(arguments, 0);
  }
  TEMPER_CHECK(
      !arguments.has("--resume") || !run_directory.empty() || !target.recipe.train.out.empty(),
      ErrorCode::kInvalidArgument,
      "which run? Type `temper train RUN_DIRECTORY --resume`, or set train.out");
  if (!run_directory.empty()) {
    target.recipe.train.out = run_directory;
    target.recipe.origins["train.out"] = "command line";
  }
  return target;
}

training::JsonValue evaluation_json(const training::Evaluation& evaluation) {
  training::JsonValue values = training::JsonValue::object();
  values.set("val/loss", evaluation.loss);
  for (const training::MetricValue& metric : evaluation.metrics) {
    values.set("val/" + metric.name, metric.value);
  }
  return values;
}

void print_json(const RunResult& result, const Session& session, const Watcher& watcher) {
  training::JsonValue line = training::JsonValue::object();
  line.set("outcome", to_string(result.outcome));
  line.set("steps", result.steps);
  line.set("skipped", result.skipped);
  if (result.given_evaluation.samples > 0) {
    line.set("given", evaluation_json(result.given_evaluation));
  }
  line.set("best_step", result.best_step);
  if (!result.verdict.empty()) {
    line.set("verdict", result.verdict);
  }
  if (result.has_evaluation) {
    line.set("val/loss", result.final_evaluation.loss);
    for (const training::MetricValue& metric : result.final_evaluation.metrics) {
      line.set("val/" + metric.name, metric.value);
    }
  }
  if (result.loading.samples_per_second > 0) {
    line.set("data_samples_per_s", result.loading.samples_per_second);
    line.set("data_wait_share", result.loading.wait_share);
  }
  line.set("run", result.run_directory);
  if (result.outcome != RunOutcome::kInterrupted) {
    line.set("best", result.best_model);
    line.set("last", result.last_model);
  }
  if (!watcher.charts().empty()) {
    line.set("charts", join_path(result.run_directory, "charts"));
  }
  if (session.recipe().log.tensorboard) {
    line.set("tensorboard", join_path(result.run_directory, "tensorboard"));
  }
  std::printf("%s\n", line.text().c_str());
}

void print_result(const RunResult& result, const Session& session, const Watcher& watcher) {
  const auto evaluation_line = [](const training::Evaluation& evaluation) {
    std::printf("validation loss %s", digits_text(evaluation.loss, 6).c_str());
    for (const training::MetricValue& metric : evaluation.metrics) {
      std::printf(", %s %s", metric.name.c_str(), fixed_text(metric.value, 4).c_str());
    }
  };
  if (result.given_evaluation.samples > 0) {
    evaluation_line(result.given_evaluation);
    std::printf(" (the model as given)\n");
  }
  if (result.has_evaluation) {
    evaluation_line(result.final_evaluation);
    std::printf(" (the best of %lld steps, by %s%s)\n", static_cast<long long>(result.steps),
                result.monitor.c_str(), result.best_step == 0 ? ": the model as given" : "");
  }
  if (!result.verdict.empty()) {
    std::printf("%s\n", result.verdict.c_str());
  }
  if (is_starving(result.loading.wait_share)) {
    std::printf(
        "data         %s%% of the time the steps waited for batches, which come at %s "
        "samples/s\n",
        fixed_text(result.loading.wait_share * 100, 0).c_str(),
        fixed_text(result.loading.samples_per_second, 0).c_str());
  }
  const bool interrupted = result.outcome == RunOutcome::kInterrupted;
  if (file_status(result.best_model).exists) {
    std::printf("best         %s\n", result.best_model.c_str());
  }
  if (!interrupted && file_status(result.last_model).exists) {
    std::printf("last         %s\n", result.last_model.c_str());
  }
  std::printf("recipe       %s\n", join_path(result.run_directory, "recipe.toml").c_str());
  if (!watcher.charts().empty()) {
    std::printf("charts       %s\n", join_path(result.run_directory, "charts").c_str());
  } else if (!watcher.why_no_charts().empty()) {
    std::printf("charts       none: %s\n", watcher.why_no_charts().c_str());
  }
  if (session.recipe().log.tensorboard) {
    std::printf("tensorboard  %s\n", join_path(result.run_directory, "tensorboard").c_str());
  }
}

void print_settings(const Recipe& recipe, bool as_json) {
  if (!as_json) {
    std::fputs(training::describe_settings(recipe).c_str(), stdout);
    std::fputs(training::describe_groups(training::tensor_settings(recipe)).c_str(), stdout);
    return;
  }
  training::JsonValue settings = training::JsonValue::object();
  for (const training::DescribedSetting& setting : training::described_settings(recipe)) {
    training::JsonValue one = training::JsonValue::object();
    one.set("value", setting.value);
    one.set("from", setting.origin);
    settings.set(setting.key, std::move(one));
  }
  training::JsonValue tensors = training::JsonValue::object();
  for (const training::TensorSettings& tensor : training::tensor_settings(recipe)) {
    training::JsonValue one = training::JsonValue::object();
    one.set("settings", tensor.settings);
    one.set("groups", tensor.groups);
    one.set("trained", tensor.trained);
    one.set("why", tensor.why);
    tensors.set(tensor.name, std::move(one));
  }
  training::JsonValue line = training::JsonValue::object();
  line.set("settings", std::move(settings));
  line.set("tensors", std::move(tensors));
  std::printf("%s\n", line.text().c_str());
}

int run(const Arguments& arguments) {
  bool by_step = false;
  TypedRecipe target = read_target(arguments, by_step);
  if (arguments.has("--print-config")) {
    print_settings(target.recipe, arguments.has("--json"));
    return 0;
  }
  if (target.recipe.adversarial.is_on()) {
    return run_adversarial(arguments, std::move(target.recipe));
  }
  const StopSignals signals;
  const bool quiet = arguments.has("--quiet");
  training::EngineOptions options;
  options.observer = dump_passes_to(arguments.text("--dump-passes"));
  Session session(std::move(target.recipe), std::move(options));
  if (!quiet) {
    print_notes(target.inferred);
    print_notes(session.notes());
  }
  if (by_step) {
    training::check_step_of_file(session);
  }
  Watcher watcher(session, signals, quiet);
  Trainer trainer(session, watcher, arguments.has("--resume"));
  watcher.stop_by([&] { trainer.request_stop(); });
  if (arguments.has("--dry-run")) {
    const std::vector<training::MemoryPlan> memory = trainer.memory_of_stages();
    const int casts = session.engine().plan(session.requests().front()).float_casts();
    print_memory(memory, arguments.has("--json"), graph::export_bytes(session.model()), casts);
    return 0;
  }
  const RunResult result = trainer.run();
  arguments.has("--json") ? print_json(result, session, watcher)
                          : print_result(result, session, watcher);
  return tell_end({result.outcome, result.steps, result.run_directory, result.monitor}, watcher,
                  signals);
}

}  // namespace

Command train_command() {
  return {
      "train",
      "trains by a recipe, or a model on data with everything inferred",
      "Tables of a recipe; a key of one, such as train.epochs, is also KEY=VALUE here and\n"
      "TEMPER_TRAIN_EPOCHS in the environment. `temper help keys [TABLE]` lists the keys.\n" +
          recipe_table_lines(),
      {{"RECIPE", "RECIPE.toml, or MODEL.onnx DATA, or a run directory with --resume"},
       {"KEY=VALUE", "settings that win over the recipe, such as optimizer.lr=0.01", false, true}},
      {{"--print-config", "", "print every setting with where it came from, and stop"},
       {"--dry-run", "", "compile, print the memory plan, and stop before the first step"},
       {"--resume", "", "go on with the run in train.out from its newest checkpoint"},
       {"--quiet", "", "no progress"},
       {"--dump-passes", "DIR", "write the graph after each pass there"},
       {"--json", "", "one JSON line at the end, and errors as JSON"}},
      run};
}

}  // namespace temper::cli
