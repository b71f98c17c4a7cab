// `temper lr-find`: the loss of a short run with a rising learning rate, and the rates it suggests.
#include <cstdio>

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "runtime/platform/signals.h"
#include "tools/charts/figure.h"
#include "tools/cli/command.h"
#include "tools/cli/device_option.h"
#include "tools/cli/recipe_words.h"
#include "training/analysis/lr_find.h"
#include "training/formats/json.h"
#include "training/records/run_directory.h"

namespace temper::cli {
namespace {

using training::LrFindEnd;
using training::LrFindOptions;
using training::LrFindResult;
using training::LrSuggestion;

// Two significant digits, as TOML reads them: 0.0023, 1e-07.
std::string rate_text(double rate) { return digits_text(rate, 2); }

std::string typed(const LrSuggestion& suggestion) {
  return "optimizer.lr=" + rate_text(suggestion.lr);
}

const char* end_text(LrFindEnd end) {
  switch (end) {
    case LrFindEnd::kDiverged:
      return "diverged";
    case LrFindEnd::kNotFinite:
      return "not finite";
    case LrFindEnd::kFinished:
      break;
  }
  return "finished";
}

training::JsonValue json_of(const LrFindResult& result) {
  training::JsonValue suggestions = training::JsonValue::array();
  for (const LrSuggestion& suggestion : result.suggestions) {
    training::JsonValue one = training::JsonValue::object();
    one.set("name", suggestion.name);
    one.set("lr", suggestion.lr);
    one.set("loss", suggestion.loss);
    suggestions.push_back(std::move(one));
  }
  training::JsonValue rates = training::JsonValue::array();
  training::JsonValue losses = training::JsonValue::array();
  training::JsonValue smoothed = training::JsonValue::array();
  for (const training::LrFindPoint& point : result.points) {
    rates.push_back(point.lr);
    losses.push_back(point.loss);
    smoothed.push_back(point.smoothed);
  }
  training::JsonValue line = training::JsonValue::object();
  line.set("outcome", end_text(result.end));
  line.set("end_lr", result.end_lr);
  line.set("suggestions", std::move(suggestions));
  line.set("lr", std::move(rates));
  line.set("loss", std::move(losses));
  line.set("smoothed", std::move(smoothed));
  return line;
}

void draw(const LrFindResult& result, const std::string& path) {
  charts::Chart chart;
  chart.title = "Loss against learning rate";
  chart.x_label = "learning rate";
  chart.y_label = "training loss";
  chart.log_x = true;
  chart.log_y_if_wide = true;
  charts::Series raw;
  raw.name = "each batch";
  raw.style = charts::LineStyle::kFaint;
  charts::Series smooth;
  smooth.name = "smoothed";
  for (const training::LrFindPoint& point : result.points) {
    raw.x.push_back(point.lr);
    raw.y.push_back(point.loss);
    smooth.x.push_back(point.lr);
    smooth.y.push_back(point.smoothed);
  }
  chart.series = {std::move(smooth), std::move(raw)};
  for (const LrSuggestion& suggestion : result.suggestions) {
    chart.vertical_markers.push_back(
        {suggestion.lr, concat(suggestion.name, " ", rate_text(suggestion.lr))});
  }
  charts::write_chart(chart, path);
}

void print(const LrFindResult& result, const LrFindOptions& options, const std::string& chart) {
  if (result.suggestions.empty()) {
    std::printf("no suggestion: %s\n",
                result.points.size() < 20
                    ? "the sweep ended after too few steps; take a lower --from"
                    : "the loss did not fall at any rate; is everything frozen, or --to too low?");
  } else {
    std::printf("%-12s %14s %14s  %-26s %s\n", "suggestion", "learning rate", "smoothed loss",
                "to type", "what it is");
    for (const LrSuggestion& suggestion : result.suggestions) {
      std::printf("%-12s %14s %14s  %-26s %s\n", suggestion.name.c_str(),
                  rate_text(suggestion.lr).c_str(), digits_text(suggestion.loss, 5).c_str(),
                  typed(suggestion).c_str(), suggestion.why.c_str());
    }
  }
  const std::string rate = rate_text(result.end_lr);
  if (result.end == LrFindEnd::kDiverged) {
    std::printf("stopped at rate %s: the loss was %s times its best\n", rate.c_str(),
                digits_text(options.diverged, 6).c_str());
  } else if (result.end == LrFindEnd::kNotFinite) {
    std::printf("stopped at rate %s: the loss or its gradient was not finite\n", rate.c_str());
  } else if (result.suggestions.size() == 2) {
    std::printf("the loss still fell at rate %s; a higher --to shows more\n", rate.c_str());
  }
  if (const std::string why = charts::why_no_charts(); why.empty()) {
    std::printf("chart        %s.png\n", chart.c_str());
  } else {
    std::printf("chart        none: %s\n", why.c_str());
  }
}

int run(const Arguments& arguments) {
  TypedRecipe typed = read_one_model_recipe(arguments, 0, "temper lr-find");
  take_device(arguments, typed.recipe);
  LrFindOptions options;
  options.from = number_option(arguments, "--from", options.from);
  options.to = number_option(arguments, "--to", options.to);
  options.steps = arguments.integer("--steps", options.steps, 1);
  options.linear = arguments.has("--linear");
  const StopSignals signals;
  training::Session session(std::move(typed.recipe));
  print_notes(typed.inferred);
  print_notes(session.notes());
  const LrFindResult result = training::find_learning_rate(
      session, options, [&](std::int64_t) { return !signals.requested(); });
  if (signals.requested()) {
    std::fprintf(stderr, "stopped by %s; nothing was changed\n", signals.signal_name());
    return kStoppedExitCode;
  }
  TEMPER_CHECK(result.points.size() > 1, ErrorCode::kDiverged, "the loss was not finite at rate ",
               rate_text(result.end_lr), " already; take a lower --from");
  const std::string folder = training::make_output_directory(arguments.text("--out"),
                                                             recipe_name(typed.file) + "-lr-find");
  const std::string chart = join_path(folder, "lr_find");
  training::JsonValue json = json_of(result);
  const bool draws = charts::why_no_charts().empty();
  if (draws) {
    json.set("chart", chart + ".png");
  }
  write_file_atomically(chart + ".json", json.text(2) + "\n");
  if (draws) {
    draw(result, chart);
  }
  if (arguments.has("--json")) {
    std::printf("%s\n", json.text().c_str());
  } else {
    print(result, options, chart);
  }
  return 0;
}

}  // namespace

Command lr_find_command() {
  return {"lr-find",
          "finds a learning rate: the loss while the rate rises",
          "A short run by the recipe whose rate rises at each step; it ends early when the loss "
          "diverges. Nothing that was\n"
          "trained is kept. The chart and lr_find.json go to --out, or runs/RECIPE-lr-find-N. "
          "Suggestions: the middle of\n"
          "the longest descent (take this one), the steepest place, and a tenth of the rate with "
          "the lowest loss.",
          {{"RECIPE", "RECIPE.toml, or MODEL.onnx DATA"},
           {"KEY=VALUE", "settings that win over the recipe", false, true}},
          {{"--from", "RATE", "first rate; 1e-7"},
           {"--to", "RATE", "last rate; 10"},
           {"--steps", "N", "optimizer steps; 100"},
           {"--linear", "", "rates rise by equal differences, not by equal factors"},
           {"--out", "DIR", "a new or empty folder for the results"},
           device_option(),
           {"--json", "", "results and errors as JSON"}},
          run};
}

}  // namespace temper::cli
