#include "training/analysis/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "runtime/base/error.h"
#include "runtime/platform/clock.h"
#include "runtime/platform/folders.h"
#include "training/metrics/metric_spec.h"
#include "training/run/trainer.h"

namespace temper::training {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

class Recorder final : public RunObserver {
 public:
  Recorder(ComparedRun& run, std::function<bool(const RunProgress&)> stepped)
      : run_(run), stepped_(std::move(stepped)) {}
  void watch(Trainer& trainer) { trainer_ = &trainer; }

  void stepped(const RunProgress& progress) override {
    run_.steps = progress.step;
    if (!stepped_(progress)) {
      trainer_->request_stop();
    }
  }
  void logged(std::int64_t step, std::int64_t epoch, std::span<const Metric> metrics) override {
    static_cast<void>(epoch);
    if (step == 0) {  // the model as given, the same in all runs: compared is what training does
      return;
    }
    for (const Metric& metric : metrics) {
      CompareCurve& curve = run_.curves[metric.name];
      curve.steps.push_back(static_cast<double>(step));
      curve.values.push_back(metric.value);
    }
  }

 private:
  ComparedRun& run_;
  std::function<bool(const RunProgress&)> stepped_;
  Trainer* trainer_ = nullptr;
};

// "sgd 0.9/nesterov" as a folder: letters, digits, '.', '-' and '_' stay.
std::string folder_name(const std::string& name) {
  std::string folder;
  for (const char c : name) {
    const bool kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_' || (c == '.' && !folder.empty());
    folder += kept ? c : '_';
  }
  return folder;
}

std::vector<Recipe> recipes_of(const RecipeSources& base,
                               const std::vector<CompareRunSettings>& runs,
                               const CompareOptions& options) {
  TEMPER_CHECK(runs.size() > 1, ErrorCode::kInvalidArgument,
               "a comparison needs at least two runs");
  std::set<std::string> folders;
  std::vector<Recipe> recipes;
  for (const CompareRunSettings& run : runs) {
    TEMPER_CHECK(folders.insert(folder_name(run.name)).second, ErrorCode::kInvalidArgument,
                 "two runs of the comparison are named '", run.name, "'");
    RecipeSources sources = base;
    sources.replace_components = true;
    sources.overrides.insert(sources.overrides.end(), run.set.begin(), run.set.end());
    try {
      recipes.push_back(read_recipe(sources));
    } catch (Error& error) {
      error.add_note(concat("in run '", run.name, "' of the comparison"));
      throw;
    }
    Recipe& recipe = recipes.back();
    recipe.compare.clear();
    recipe.train.out = join_path(options.folder, folder_name(run.name));
    recipe.checkpoint.every = std::numeric_limits<std::int64_t>::max();  // only the last
  }
  return recipes;
}

// The metric that decides: the wanted one, or the first of the usual ones that every run logged.
std::string deciding_metric(const Comparison& comparison, const CompareOptions& options) {
  std::vector<std::string> usual = {"val/loss", "train/loss"};
  if (options.across_losses) {
    usual = {"val/accuracy",   "val/r2",   "val/rmse",  "val/mae",
             "train/accuracy", "val/loss", "train/loss"};
  }
  if (!options.by.empty()) {
    usual = {options.by};
  }
  const auto in_all = [&](const std::string& metric) {
    return std::all_of(comparison.runs.begin(), comparison.runs.end(), [&](const ComparedRun& run) {
      return run.curves.contains(metric) || !run.trouble.empty();
    });
  };
  for (const std::string& metric : usual) {
    if (in_all(metric)) {
      return metric;
    }
  }
  std::vector<std::string> known;
  for (const auto& [metric, curve] : comparison.runs.front().curves) {
    known.push_back(metric);
  }
  fail(ErrorCode::kInvalidArgument, "the runs do not log ", usual.front(), "; they log ",
       join(known, ", "));
}

void train(const Recipe& recipe, std::size_t index, const CompareOptions& options,
           Comparison& comparison) {
  ComparedRun& run = comparison.runs[index];
  const double began = steady_seconds();
  Session session(recipe);
  const std::string trained = session.what_trains();
  if (index == 0 || trained != comparison.trained) {
    comparison.notes.push_back(index == 0 ? trained : concat(run.name, ": ", trained));
  }
  comparison.trained = index == 0 ? trained : comparison.trained;
  for (const std::string& warning : session.losses().warnings) {
    comparison.notes.push_back(concat(run.name, ": ", warning));
  }
  Recorder recorder(run, [&](const RunProgress& progress) {
    return options.stepped == nullptr || options.stepped(index, progress);
  });
  Trainer trainer(session, recorder, false);
  recorder.watch(trainer);
  try {
    const RunResult result = trainer.run();
    run.folder = result.run_directory;
    run.steps = result.steps;
    comparison.interrupted = result.outcome == RunOutcome::kInterrupted;
    TEMPER_CHECK(result.outcome != RunOutcome::kSaveFailed, ErrorCode::kIo,
                 "something of the run could not be written to ", result.run_directory);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDiverged) {
      throw;
    }
    run.folder = recipe.train.out;
    run.trouble = error.message();
  }
  run.seconds = steady_seconds() - began;
}

}  // namespace

void judge(Comparison& comparison) {
  const auto better = [&](double a, double b) {
    return std::isfinite(a) && (!std::isfinite(b) || (comparison.maximize ? a > b : a < b));
  };
  std::set<double> steps;
  for (ComparedRun& run : comparison.runs) {
    const CompareCurve& curve = run.curves[comparison.by];
    run.final_value = curve.values.empty() || !run.trouble.empty() ? kNone : curve.values.back();
    run.best_value = kNone;
    run.best_step = run.first_led = -1;
    for (std::size_t i = 0; i < curve.values.size(); ++i) {
      steps.insert(curve.steps[i]);
      if (better(curve.values[i], run.best_value)) {
        run.best_value = curve.values[i];
        run.best_step = static_cast<std::int64_t>(curve.steps[i]);
      }
    }
  }
  for (ComparedRun& run : comparison.runs) {
    const CompareCurve& curve = run.curves[comparison.by];
    run.reached.clear();
    for (const ComparedRun& other : comparison.runs) {
      std::int64_t first = -1;
      for (std::size_t i = 0; i < curve.values.size() && first < 0; ++i) {
        const bool as_good = std::isfinite(curve.values[i]) && std::isfinite(other.best_value) &&
                             !better(other.best_value, curve.values[i]);
        first = as_good ? static_cast<std::int64_t>(curve.steps[i]) : -1;
      }
      run.reached.push_back(first);
    }
  }
  comparison.leads.clear();
  double best = kNone;
  for (const double step : steps) {  // all runs at a step, so that none is ahead by its place
    std::size_t ahead = comparison.runs.size();
    for (std::size_t i = 0; i < comparison.runs.size(); ++i) {
      const CompareCurve& curve = comparison.runs[i].curves[comparison.by];
      const auto at = std::lower_bound(curve.steps.begin(), curve.steps.end(), step);
      if (at != curve.steps.end() && *at == step) {
        const double value = curve.values[static_cast<std::size_t>(at - curve.steps.begin())];
        if (better(value, best)) {
          best = value;
          ahead = i;
        }
      }
    }
    if (ahead == comparison.runs.size()) {
      continue;
    }
    ComparedRun& leader = comparison.runs[ahead];
    leader.first_led = leader.first_led < 0 ? static_cast<std::int64_t>(step) : leader.first_led;
    if (comparison.leads.empty() || comparison.leads.back().run != ahead) {
      comparison.leads.push_back({static_cast<std::int64_t>(step), ahead});
    }
  }
  comparison.ranking.resize(comparison.runs.size());
  std::iota(comparison.ranking.begin(), comparison.ranking.end(), std::size_t{0});
  std::stable_sort(comparison.ranking.begin(), comparison.ranking.end(),
                   [&](std::size_t a, std::size_t b) {
                     return better(comparison.runs[a].best_value, comparison.runs[b].best_value);
                   });
}

Comparison compare_runs(const RecipeSources& base, const std::vector<CompareRunSettings>& runs,
                        const CompareOptions& options) {
  const std::vector<Recipe> recipes = recipes_of(base, runs, options);
  Comparison comparison;
  for (const CompareRunSettings& run : runs) {
    comparison.runs.push_back({run.name, run.set, "", "", 0, 0, {}, kNone, kNone, -1, -1, {}});
  }
  for (std::size_t i = 0; i < runs.size() && !comparison.interrupted; ++i) {
    try {
      train(recipes[i], i, options, comparison);
    } catch (Error& error) {
      error.add_note(concat("in run '", runs[i].name, "' of the comparison"));
      throw;
    }
    comparison.runs.resize(comparison.interrupted ? i + 1 : comparison.runs.size());
  }
  comparison.by = deciding_metric(comparison, options);
  comparison.maximize = !less_is_better(comparison.by);
  if (options.across_losses && comparison.by.ends_with("/loss")) {
    comparison.notes.push_back(concat("each run is measured by its own loss (", comparison.by,
                                      "): the figures say nothing between different losses"));
  }
  judge(comparison);
  return comparison;
}

}  // namespace temper::training
