#include "tools/cli/plot_schedule.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "tools/charts/figure.h"
#include "tools/cli/named_chart.h"
#include "tools/cli/recipe_words.h"
#include "training/recipe/recipe.h"
#include "training/schedules/run_schedule.h"

namespace temper::cli {
namespace {

// "1.0,0.9,nan" as numbers.
std::vector<double> read_metrics(const std::string& text) {
  std::vector<double> values;
  for (std::size_t begin = 0; begin <= text.size() && !text.empty();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string number = text.substr(begin, end - begin);
    const std::optional<double> value = read_number(number);
    TEMPER_CHECK(value, ErrorCode::kInvalidArgument, "--metric: '", number,
                 "' is not a number; write --metric 1.0,0.9,0.9");
    values.push_back(*value);
    begin = end + 1;
  }
  return values;
}

struct Drawing {
  training::Recipe recipe;
  std::string title;
  training::RunLength run;
  std::int64_t interval = 1;  // steps between evaluations
  std::vector<double> metrics;
};

// The run's length as far as the recipe and the options say it: the data is not opened.
void settle_length(Drawing& drawing, const Arguments& arguments) {
  const training::TrainSettings& train = drawing.recipe.train;
  const std::int64_t epoch = arguments.integer("--steps-per-epoch", 0, 0);
  std::int64_t steps = arguments.integer("--steps", train.steps, 0);
  drawing.run.steps_per_epoch = std::max<std::int64_t>(epoch, 1);
  drawing.interval = train.eval_every > 0 ? train.eval_every : drawing.run.steps_per_epoch;
  if (steps == 0 && epoch > 0) {
    steps = train.epochs * epoch;
  }
  if (steps == 0 && !drawing.metrics.empty()) {
    steps = drawing.interval * static_cast<std::int64_t>(drawing.metrics.size() + 1);
  }
  const training::ScheduleSettings& schedule = drawing.recipe.schedule;
  bool epochs = schedule.per == "epoch" || schedule.warmup.find("epoch") != std::string::npos;
  for (const training::SchedulePhaseSettings& phase : schedule.phases) {
    epochs = epochs || phase.length.find("epoch") != std::string::npos;
  }
  TEMPER_CHECK(steps > 0 && (epoch > 0 || !epochs), ErrorCode::kInvalidArgument,
               epochs ? "the schedule counts epochs" : "the recipe gives its length in epochs",
               ", and data is not opened for a chart; say how many steps an epoch has: "
               "--steps-per-epoch 100",
               epochs ? "" : " (or how many steps the run has: --steps 1000)");
  constexpr std::int64_t kMost = 10'000'000;
  TEMPER_CHECK(steps <= kMost, ErrorCode::kInvalidArgument, "a chart of ", steps,
               " steps is not drawn; the most is ", kMost);
  drawing.run.total_steps = steps;
}

// A chart of the rates of all groups, then one of the momentum where it moves.
std::vector<charts::Panel> panels(const Drawing& drawing) {
  struct Group {
    double lr;
    charts::Series series;
  };
  std::vector<Group> groups;
  groups.push_back(
      {drawing.recipe.optimizer.parameters.get_double("lr", 0), {"learning rate", {}, {}}});
  for (const training::OptimizerGroupSettings& group : drawing.recipe.groups) {
    if (group.parameters.has("lr")) {
      groups.push_back({group.parameters.get_double("lr", 0), {group.match, {}, {}}});
    }
  }
  training::RunSchedule schedule(drawing.recipe.schedule, drawing.run);
  charts::Series momentum{"momentum", {}, {}};
  std::size_t evaluation = 0;
  const training::CheckpointSettings& judged = drawing.recipe.checkpoint;
  const bool maximize = judged.mode == "max" || (judged.mode == "auto" && !judged.monitor.empty() &&
                                                 !training::less_is_better(judged.monitor));
  for (std::int64_t step = 0; step < drawing.run.total_steps; ++step) {
    if (step > 0 && step % drawing.interval == 0 && evaluation < drawing.metrics.size()) {
      schedule.observe(drawing.metrics[evaluation++], maximize, step);
    }
    for (Group& group : groups) {
      group.series.x.push_back(static_cast<double>(step));
      group.series.y.push_back(schedule.rate(step, group.lr));
    }
    momentum.x.push_back(static_cast<double>(step));
    momentum.y.push_back(schedule.momentum(step));
  }
  charts::Chart rates;
  rates.title = drawing.title;
  rates.x_label = "step";
  rates.y_label = "learning rate";
  for (Group& group : groups) {
    group.series.steps = true;
    rates.series.push_back(std::move(group.series));
  }
  std::vector<charts::Panel> made = {rates};
  if (schedule.moves_momentum()) {
    charts::Chart other;
    other.title = drawing.title + ": momentum";
    other.x_label = "step";
    other.y_label = "momentum (beta1)";
    other.series = {std::move(momentum)};
    made.push_back(std::move(other));
  }
  return made;
}

std::string title_of(const training::ScheduleSettings& settings) {
  std::string title = settings.schedule.name;
  if (!settings.phases.empty()) {
    std::vector<std::string> names;
    for (const training::SchedulePhaseSettings& phase : settings.phases) {
      names.push_back(phase.schedule.name);
    }
    title = join(names, ", then ");
  }
  return settings.warmup.empty() ? title : concat(title, " after a warm-up of ", settings.warmup);
}

Drawing read_drawing(const std::string& recipe, const std::vector<std::string>& overrides,
                     const Arguments& arguments) {
  training::RecipeSources sources;
  sources.file = recipe;
  sources.overrides = overrides;
  Drawing drawing;
  drawing.recipe = training::read_recipe(sources);
  drawing.title = title_of(drawing.recipe.schedule);
  drawing.metrics = read_metrics(arguments.text("--metric"));
  TEMPER_CHECK(drawing.metrics.empty() ||
                   training::RunSchedule(drawing.recipe.schedule, {}).follows_metric(),
               ErrorCode::kInvalidArgument, "--metric feeds a plateau, but the schedule is ",
               drawing.title);
  settle_length(drawing, arguments);
  return drawing;
}

}  // namespace

int plot_schedule(const Arguments& arguments) {
  auto [recipes, overrides] = typed_words(arguments, 1);
  if (recipes.empty()) {
    TEMPER_CHECK(!overrides.empty(), ErrorCode::kInvalidArgument,
                 "which schedule? write temper plot schedule RECIPE.toml, or "
                 "temper plot schedule schedule.name=cosine optimizer.lr=0.1 --steps 300");
    recipes.emplace_back();  // settings alone are a recipe too
  }
  charts::Figure figure;
  figure.title = recipes.size() > 1 ? "Learning-rate schedules" : "Learning-rate schedule";
  figure.columns = recipes.size() > 1 ? 2 : 1;
  for (const std::string& recipe : recipes) {
    std::vector<charts::Panel> more = panels(read_drawing(recipe, overrides, arguments));
    // Among several schedules the rates are compared, and the momentum would be in the way.
    const std::size_t count = recipes.size() > 1 ? 1 : more.size();
    figure.panels.insert(figure.panels.end(), more.begin(),
                         more.begin() + static_cast<std::ptrdiff_t>(count));
  }
  const std::string out = chart_stem(arguments.text("--out", "schedule"));
  if (figure.panels.size() == 1) {
    charts::write_chart(figure.panels.front(), out);
  } else {
    charts::write_chart(figure, out);
  }
  print_chart_files({out}, arguments.has("--json"));
  return 0;
}

}  // namespace temper::cli
