#include "training/run/best_models.h"

#include <cmath>
#include <cstddef>

#include "runtime/base/concat.h"
#include "runtime/base/number_text.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "training/metrics/set_metrics.h"

namespace temper::training {
namespace {

// Of a metric in a sentence.
std::string short_text(double value) { return digits_text(value, 6); }

}  // namespace

void BestModels::watch(const std::string& monitor) {
  monitor_ = monitor;
  const std::string& mode = context_.recipe.checkpoint.mode;
  maximize_ = mode == "max" || (mode == "auto" && !less_is_better(monitor));
}

void BestModels::consider_given(double value, const Evaluation& evaluation) {
  keep_top(value);
  count_candidate(value, evaluation);
  context_.state.bad_evaluations = 0;
}

void BestModels::consider(double value, const Evaluation& evaluation) {
  remember_trained(value);
  keep_top(value);
  count_candidate(value, evaluation);
}

void BestModels::remember_trained(double value) {
  RunState& state = context_.state;
  if (!std::isfinite(value)) {
    return;
  }
  if (!state.has_trained) {
    state.first_trained_metric = value;
  }
  if (!state.has_trained || better(value, state.best_trained_metric)) {
    state.best_trained_metric = value;
    state.best_trained_step = state.attempted;
  }
  state.has_trained = true;
}

void BestModels::count_candidate(double value, const Evaluation& evaluation) {
  RunState& state = context_.state;
  if (std::isfinite(value) && (!state.has_best || better(value, state.best_metric))) {
    state.has_best = true;
    state.best_metric = value;
    state.best_step = state.attempted;
    state.best_evaluation = evaluation;
    state.bad_evaluations = 0;
    export_to_(best_path());
  } else {
    ++state.bad_evaluations;
  }
}

bool BestModels::patient() const {
  const std::int64_t patience = context_.recipe.checkpoint.patience;
  return patience == 0 || context_.state.bad_evaluations < patience;
}

std::string BestModels::verdict(double last) const {
  const RunState& state = context_.state;
  if (state.has_best && state.best_step == 0 && state.attempted > 0) {
    return concat("training made the model no better: ", monitor_, " is ",
                  short_text(state.best_metric), " as given",
                  state.has_trained
                      ? concat(", and ", short_text(state.best_trained_metric),
                               " at best after training (step ", state.best_trained_step, ")")
                      : std::string(", and not a number after training"),
                  "; best.onnx is the model as given");
  }
  if (monitor_.starts_with("train/") && state.has_trained &&
      better(state.first_trained_metric, last)) {
    return concat("training made the model worse: ", monitor_, " went from ",
                  short_text(state.first_trained_metric), " to ", short_text(last),
                  "; best.onnx is that of step ", state.best_step);
  }
  return "";
}

std::string BestModels::top_folder(std::int64_t step) const {
  return join_path(context_.records->path("top"), concat("step-", step));
}

std::size_t BestModels::worst_of_top() const {
  const std::vector<double>& metrics = context_.state.top_metrics;
  std::size_t found = 0;
  for (std::size_t i = 1; i < metrics.size(); ++i) {
    found = better(metrics[i], metrics[found]) ? found : i;
  }
  return found;
}

void BestModels::drop_from_top(std::size_t i) {
  RunState& state = context_.state;
  const std::string old = top_folder(state.top_steps[i]);
  if (file_status(old).is_folder) {
    remove_folder(old, list_directory(old));
  }
  state.top_metrics.erase(state.top_metrics.begin() + static_cast<std::ptrdiff_t>(i));
  state.top_steps.erase(state.top_steps.begin() + static_cast<std::ptrdiff_t>(i));
}

void BestModels::keep_top(double value) {
  RunState& state = context_.state;
  const auto wanted = static_cast<std::size_t>(context_.recipe.checkpoint.top_k);
  if (wanted < 2 || !std::isfinite(value)) {
    return;
  }
  while (state.top_metrics.size() > wanted) {  // there were to be more before a resume
    drop_from_top(worst_of_top());
  }
  if (state.top_metrics.size() == wanted) {
    if (!better(value, state.top_metrics[worst_of_top()])) {
      return;
    }
    drop_from_top(worst_of_top());
  }
  state.top_steps.push_back(state.attempted);
  state.top_metrics.push_back(value);
  make_directories(top_folder(state.attempted));
  export_to_(join_path(top_folder(state.attempted), "model.onnx"));
}

}  // namespace temper::training
