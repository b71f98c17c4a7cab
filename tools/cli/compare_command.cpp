// `temper compare`: losses, optimizers or schedules side by side.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "runtime/platform/signals.h"
#include "tools/charts/axis.h"
#include "tools/charts/figure.h"
#include "tools/cli/command.h"
#include "tools/cli/recipe_words.h"
#include "training/analysis/compare.h"
#include "training/formats/json.h"
#include "training/records/run_directory.h"
#include "training/settings/component.h"

namespace temper::cli {
namespace {

using training::ComparedRun;
using training::CompareRunSettings;
using training::Comparison;
using training::JsonValue;

// "losses" -> the recipe's table that the names of a bare list are set in.
std::string table_of(const std::string& what) {
  const std::vector<std::string> known = {"losses", "optimizers", "schedules"};
  const std::vector<std::string> tables = {"loss", "optimizer", "schedule"};
  const auto found = std::find(known.begin(), known.end(), what);
  if (found == known.end()) {
    const std::string near = training::nearest(what, known);
    fail(ErrorCode::kInvalidArgument, "'", what,
         "' cannot be compared; losses, optimizers and "
         "schedules can",
         near.empty() ? "" : concat(" (did you mean ", near, "?)"));
  }
  return tables[static_cast<std::size_t>(found - known.begin())];
}

// What was typed after the recipe: key=value for every run; "NAME: key=value key=value" is a run of
// its own, and so is a bare name.
struct Typed {
  std::vector<std::string> overrides;
  std::vector<CompareRunSettings> runs;
};

CompareRunSettings run_of(const std::string& word, std::size_t colon) {
  CompareRunSettings run{word.substr(0, colon), {}};
  for (std::size_t begin = colon + 1; begin < word.size();) {
    const std::size_t end = std::min(word.find_first_of(" ,", begin), word.size());
    if (end > begin) {
      run.set.push_back(word.substr(begin, end - begin));
      TEMPER_CHECK(run.set.back().find('=') != std::string::npos, ErrorCode::kInvalidArgument, "'",
                   run.set.back(), "' of run '", run.name, "' is not key=value");
    }
    begin = end + 1;
  }
  return run;
}

Typed read_words(const Arguments& arguments, const std::string& table) {
  Typed typed;
  for (std::size_t i = 2; i < arguments.positionals().size(); ++i) {
    const std::string& word = arguments.positionals()[i];
    const std::size_t colon = word.find(':');
    const std::size_t equals = word.find('=');
    if (colon != std::string::npos && colon < equals) {
      typed.runs.push_back(run_of(word, colon));
    } else if (equals != std::string::npos) {
      typed.overrides.push_back(word);
    } else {
      typed.runs.push_back({word, {concat(table, ".name=", word)}});
    }
  }
  return typed;
}

charts::Chart curves(const Comparison& comparison, const std::string& metric,
                     const std::string& title) {
  charts::Chart chart;
  chart.title = title;
  chart.x_label = "step";
  chart.y_label = metric.substr(metric.find('/') + 1);
  chart.log_y_if_wide = metric.ends_with("/loss");
  for (std::size_t i = 0; i < comparison.runs.size(); ++i) {
    const auto found = comparison.runs[i].curves.find(metric);
    if (found == comparison.runs[i].curves.end()) {
      continue;
    }
    charts::Series series;
    series.name = comparison.runs[i].name;
    series.x = found->second.steps;
    series.y = found->second.values;
    series.color = static_cast<int>(i);
    chart.series.push_back(std::move(series));
  }
  return chart;
}

std::vector<std::string> draw(const Comparison& comparison, const std::string& folder) {
  const std::vector<std::pair<const char*, const char*>> metrics = {
      {"train/loss", "Training loss"},
      {"val/loss", "Validation loss"},
      {"train/accuracy", "Training accuracy"},
      {"val/accuracy", "Validation accuracy"},
      {"opt/lr", "Learning rate"}};
  std::vector<std::string> written;
  charts::Figure losses;
  losses.title = "Loss of each run";
  losses.columns = 1;
  for (const auto& [metric, title] : metrics) {
    charts::Chart chart = curves(comparison, metric, title);
    if (chart.series.empty()) {
      continue;
    }
    std::string name = metric;
    std::replace(name.begin(), name.end(), '/', '_');
    written.push_back(join_path(folder, name));
    charts::write_chart(charts::Panel(chart), written.back());
    if (std::string(metric).ends_with("/loss")) {
      losses.panels.emplace_back(std::move(chart));
    }
  }
  if (losses.panels.size() > 1) {
    written.push_back(join_path(folder, "loss"));
    charts::write_chart(losses, written.back());
  }
  return written;
}

JsonValue json_of(const Comparison& comparison) {
  JsonValue runs = JsonValue::array();
  for (const ComparedRun& run : comparison.runs) {
    JsonValue reached = JsonValue::object();
    for (std::size_t i = 0; i < run.reached.size(); ++i) {
      reached.set(comparison.runs[i].name, run.reached[i]);
    }
    JsonValue one = JsonValue::object();
    one.set("name", run.name);
    one.set("set", JsonValue::array_of(run.set));
    one.set("run", run.folder);
    one.set("steps", run.steps);
    one.set("seconds", run.seconds);
    one.set("final", run.final_value);
    one.set("best", run.best_value);
    one.set("best_step", run.best_step);
    one.set("first_led", run.first_led);
    one.set("reached_best_of", std::move(reached));
    if (!run.trouble.empty()) {
      one.set("trouble", run.trouble);
    }
    runs.push_back(std::move(one));
  }
  JsonValue leads = JsonValue::array();
  for (const training::CompareLead& lead : comparison.leads) {
    JsonValue one = JsonValue::object();
    one.set("step", lead.step);
    one.set("run", comparison.runs[lead.run].name);
    leads.push_back(std::move(one));
  }
  JsonValue line = JsonValue::object();
  line.set("by", comparison.by);
  line.set("better", comparison.maximize ? "more" : "less");
  line.set("winner", comparison.runs[comparison.ranking.front()].name);
  line.set("runs", std::move(runs));
  line.set("leads", std::move(leads));
  return line;
}

std::string step_text(std::int64_t step) { return step < 0 ? "-" : concat(step); }

std::string value_text(double value) {
  return std::isfinite(value) ? charts::number_text(value, 5) : "-";
}

void print(const Comparison& comparison, const std::string& folder) {
  std::size_t width = 4;
  for (const ComparedRun& run : comparison.runs) {
    width = std::max(width, run.name.size());
  }
  const int columns = static_cast<int>(width);
  std::printf("%s, the best first\n%-*s  %12s %12s %10s %10s %9s\n", comparison.by.c_str(), columns,
              "run", "best", "final", "best at", "first led", "seconds");
  for (const std::size_t i : comparison.ranking) {
    const ComparedRun& run = comparison.runs[i];
    std::printf("%-*s  %12s %12s %10s %10s %9s%s%s\n", columns, run.name.c_str(),
                value_text(run.best_value).c_str(), value_text(run.final_value).c_str(),
                step_text(run.best_step).c_str(), step_text(run.first_led).c_str(),
                fixed_text(run.seconds, 1).c_str(),
                run.trouble.empty() ? "" : "  ended early: ", run.trouble.c_str());
  }
  const ComparedRun& winner = comparison.runs[comparison.ranking.front()];
  for (std::size_t place = 1; place < comparison.ranking.size(); ++place) {
    const std::size_t other = comparison.ranking[place];
    if (winner.reached[other] >= 0) {
      std::printf("%s reached the best of %s at step %lld; %s needed %lld\n", winner.name.c_str(),
                  comparison.runs[other].name.c_str(),
                  static_cast<long long>(winner.reached[other]),
                  comparison.runs[other].name.c_str(),
                  static_cast<long long>(comparison.runs[other].best_step));
    }
  }
  std::printf("results      %s\n", folder.c_str());
}

int run(const Arguments& arguments) {
  const std::string& what = arguments.positional(0);
  const std::string& file = arguments.positional(1);
  const std::string table = table_of(what);
  Typed typed = read_words(arguments, table);
  training::RecipeSources sources = recipe_sources(file, typed.overrides);
  const training::Recipe recipe = training::read_recipe(sources);
  if (typed.runs.empty()) {
    typed.runs = recipe.compare;
  }
  TEMPER_CHECK(typed.runs.size() > 1, ErrorCode::kInvalidArgument,
               "which runs? Type names (temper compare optimizers ", file,
               " sgd adamw), \"NAME: key=value key=value\" for each run, or write [[compare.run]] "
               "tables into the recipe");
  const StopSignals signals;
  training::CompareOptions options;
  options.by = arguments.text("--by");
  options.across_losses = table == "loss";
  options.folder = training::make_output_directory(arguments.text("--out"),
                                                   concat(recipe_name(file), "-", what));
  const bool quiet = arguments.has("--quiet");
  std::size_t shown = typed.runs.size();
  options.stepped = [&](std::size_t index, const training::RunProgress& progress) {
    if (index != shown && !quiet) {
      std::fprintf(stderr, "run %zu/%zu  %s  %lld steps\n", index + 1, typed.runs.size(),
                   typed.runs[index].name.c_str(), static_cast<long long>(progress.total_steps));
      shown = index;
    }
    return !signals.requested();
  };
  const Comparison comparison = training::compare_runs(sources, typed.runs, options);
  print_notes(comparison.notes);
  const JsonValue json = json_of(comparison);
  write_file_atomically(join_path(options.folder, "compare.json"), json.text(2) + "\n");
  if (charts::why_no_charts().empty()) {
    draw(comparison, options.folder);
  }
  if (arguments.has("--json")) {
    std::printf("%s\n", json.text().c_str());
  } else {
    print(comparison, options.folder);
  }
  if (comparison.interrupted) {
    std::fprintf(stderr, "stopped by %s: the runs after it are missing\n", signals.signal_name());
    return kStoppedExitCode;
  }
  return 0;
}

}  // namespace

Command compare_command() {
  return {"compare",
          "trains with several losses, optimizers or schedules, side by side",
          "The same model, data and seed for every run. Runs are names (sgd adamw), or \"NAME: "
          "key=value key=value\", or the\n"
          "recipe's [[compare.run]] tables. A run that names another optimizer, loss or schedule "
          "has that one's own defaults\n"
          "and the recipe's learning rate. Charts, compare.json and each run go to --out, or "
          "runs/RECIPE-WHAT-N.",
          {{"WHAT", "losses, optimizers or schedules"},
           {"RECIPE", "RECIPE.toml"},
           {"RUN|KEY=VALUE", "runs, and settings of all of them", false, true}},
          {{"--by", "METRIC", "what decides, such as val/accuracy"},
           {"--out", "DIR", "a new or empty folder for the results"},
           {"--quiet", "", "no progress"},
           {"--json", "", "results and errors as JSON"}},
          run};
}

}  // namespace temper::cli
