// What a run leaves behind while it goes on: logged lines, evaluations, the best model,
// checkpoints.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "graph/onnx/export.h"
#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "runtime/platform/clock.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "training/compile/step/watch.h"
#include "training/run/trainer_impl.h"
#include "training/session/data_options.h"

namespace temper::training {
namespace {

// Of a metric in a sentence.
std::string short_text(double value) { return digits_text(value, 6); }

}  // namespace

void Trainer::Impl::log_training(std::vector<Metric>& line) {
  const bool epoch_end = state.data.position == 0;
  const std::vector<double>& sums = epoch_end ? state.epoch_loss_sums : state.loss_sums;
  if (losses.any(sums)) {
    state.last_train_loss = losses.loss(sums);
    line.push_back({"train/loss", state.last_train_loss});
    for (const MetricValue& part : losses.parts(sums)) {
      state.last_train_parts[part.name] = part.value;
      line.push_back({"train/" + part.name, part.value});
    }
  }
  const AccuracyCount count = epoch_end ? AccuracyCount{state.epoch_correct, state.epoch_counted}
                                        : AccuracyCount{state.correct, state.counted};
  if (count.total > 0) {
    state.last_train_accuracy = count.value();
    line.push_back({"train/accuracy", state.last_train_accuracy});
  }
  state.loss_sums.clear();
  state.correct = 0;
  state.counted = 0;
  if (epoch_end) {
    state.epoch_loss_sums.clear();
    state.epoch_correct = 0;
    state.epoch_counted = 0;
  }
}

void Trainer::Impl::log_step() {
  const double elapsed = std::max(steady_seconds() - log_began, 1e-9);
  std::vector<Metric> line;
  log_training(line);
  const std::int64_t last = std::max<std::int64_t>(state.applied - 1, 0);
  line.push_back({"opt/lr", rate(last, base_lr())});
  line.push_back({"opt/grad_norm", state.last_norm});
  if (state.loss_steps > 0) {
    line.push_back({"opt/grad_norm_max", state.largest_norm});
  }
  const ClipSettings& clip = recipe.clip;
  if (clip.norm > 0 || clip.tensor_norm > 0 || clip.value > 0 || clip.agc > 0) {
    line.push_back({"opt/grad_norm_clipped", state.last_norm_clipped});
    if (state.loss_steps > 0) {
      line.push_back({"opt/clipped_share", static_cast<double>(state.clipped_steps) /
                                               static_cast<double>(state.loss_steps)});
    }
  }
  if (clip.norm > 0) {
    line.push_back({"opt/clip_norm", clip.norm});  // the threshold, for the chart
  }
  if (state.nonfinite > 0) {
    line.push_back({"opt/nonfinite", static_cast<double>(state.nonfinite)});
  }
  if (state.spikes > 0) {
    line.push_back({"opt/spikes", static_cast<double>(state.spikes)});
  }
  if (state.rollbacks > 0) {
    line.push_back({"opt/rollbacks", static_cast<double>(state.rollbacks)});
  }
  if (const double scale = loss_scale(); scale > 0) {
    line.push_back({"opt/loss_scale", scale});
  }
  if (state.skipped > 0) {
    line.push_back({"opt/skipped", static_cast<double>(state.skipped)});
  }
  const std::int64_t steps = std::max<std::int64_t>(state.attempted - log_first_step, 1);
  line.push_back({"perf/samples_per_s", static_cast<double>(log_samples) / elapsed});
  line.push_back({"perf/step_ms", elapsed * 1e3 / static_cast<double>(steps)});
  if (state.data.position == 0) {
    line.push_back({"perf/epoch_s", run_clock.seconds() - epoch_began});
    epoch_began = run_clock.seconds();
  }
  records->write(state, line);
  state.loss_steps = 0;
  state.clipped_steps = 0;
  state.largest_norm = 0;
  restart_clock();
}

// For TensorBoard: gradients of the last step, before clipping, and weights after it.
void Trainer::Impl::write_histograms() {
  TensorBoardLog* log = records->tensorboard();
  if (log == nullptr) {
    return;
  }
  records->guarded([&] {
    const Executor& executor = *last_plan->executor;
    const VariableStore& store = session.engine().store();
    for (const TensorPort& gradient : last_plan->ports->gradients) {
      const int id =
          store.find(VariableIdentity::of_tensor(VariableKind::kParameter, gradient.number));
      const std::string& name = store.variable(id).name;
      log->train().histogram(state.attempted, "gradients/" + name,
                             executor.read_output(gradient.output).to_plain().values<float>());
      log->train().histogram(state.attempted, "weights/" + name, store.get(id).values<float>());
    }
  });
  restart_clock();
}

void Trainer::Impl::restart_clock() {
  log_began = steady_seconds();
  log_samples = 0;
  log_first_step = state.attempted;
}

// The metric that decides what is best, as it stands.
double Trainer::Impl::monitored() const {
  const double nothing = std::numeric_limits<double>::quiet_NaN();
  const std::string& name = result.monitor;
  const std::string rest = name.substr(name.find('/') + 1);
  if (name.starts_with("train/")) {
    const auto part = state.last_train_parts.find(rest);
    return rest == "loss"                         ? state.last_train_loss
           : rest == "accuracy"                   ? state.last_train_accuracy
           : part != state.last_train_parts.end() ? part->second
                                                  : nothing;
  }
  const Evaluation& evaluation = result.final_evaluation;
  return rest == "loss" ? evaluation.loss : evaluation.metric(rest).value_or(nothing);
}

void Trainer::Impl::validate() {
  const auto val = session.make_val_loader();
  SetMetrics set = make_set_metrics(session, metrics);
  Evaluation evaluation;
  with_averages(recipe.average.validate, [&] { evaluation = evaluate(session, *val, set); });
  std::vector<Metric> line = {{"val/loss", evaluation.loss}};
  for (const MetricValue& metric : evaluation.metrics) {
    line.push_back({"val/" + metric.name, metric.value});
  }
  records->write(state, line);
  result.final_evaluation = evaluation;
  result.has_evaluation = true;
}

// Neither patience nor a plateau counts it: both wait for what training does. Without validation
// there is no number of it to compare: the training loss of an epoch is of weights that move.
void Trainer::Impl::evaluate_given() {
  if (!session.has_validation()) {
    return;
  }
  validate();
  state.given_evaluation = result.final_evaluation;
  if (result.monitor.starts_with("val/")) {
    const double value = monitored();
    keep_top(value);
    count_candidate(value);
    state.bad_evaluations = 0;
  }
}

void Trainer::Impl::count_candidate(double value) {
  if (std::isfinite(value) && (!state.has_best || better(value, state.best_metric))) {
    state.has_best = true;
    state.best_metric = value;
    state.best_step = state.attempted;
    state.best_evaluation = result.final_evaluation;
    state.bad_evaluations = 0;
    export_to(result.best_model);
  } else {
    ++state.bad_evaluations;
  }
}

// Validation, then the best model.
void Trainer::Impl::evaluate_now() {
  if (session.has_validation()) {
    validate();
  }
  restart_clock();
  const double value = monitored();
  if (std::isnan(value)) {
    observer.message(concat("step ", state.attempted, ": ", result.monitor,
                            " is not a number, so this evaluation counts as no improvement",
                            result.final_evaluation.trouble.empty()
                                ? ""
                                : concat("; ", result.final_evaluation.trouble)));
  }
  if (schedule.observe(value, maximize, state.applied)) {
    rates_until = 0;  // the table holds the rates from before
    observer.message(concat("step ", state.attempted, ": ", result.monitor,
                            " has stopped improving; the "
                            "learning rate falls to ",
                            schedule.rate(state.applied, base_lr())));
  }
  state.plateau = schedule.plateau;
  if (std::isfinite(value)) {
    if (!state.has_trained) {
      state.first_trained_metric = value;
    }
    if (!state.has_trained || better(value, state.best_trained_metric)) {
      state.best_trained_metric = value;
      state.best_trained_step = state.attempted;
    }
    state.has_trained = true;
  }
  keep_top(value);
  count_candidate(value);
}

std::string Trainer::Impl::verdict() const {
  const std::string& name = result.monitor;
  if (state.has_best && state.best_step == 0 && state.attempted > 0) {
    return concat("training made the model no better: ", name, " is ",
                  short_text(state.best_metric), " as given",
                  state.has_trained
                      ? concat(", and ", short_text(state.best_trained_metric),
                               " at best after training (step ", state.best_trained_step, ")")
                      : std::string(", and not a number after training"),
                  "; best.onnx is the model as given");
  }
  const double last = monitored();
  if (name.starts_with("train/") && state.has_trained && better(state.first_trained_metric, last)) {
    return concat("training made the model worse: ", name, " went from ",
                  short_text(state.first_trained_metric), " to ", short_text(last),
                  "; best.onnx is that of step ", state.best_step);
  }
  return "";
}

// The best model on the validation rows with every metric that applies, where someone draws them.
void Trainer::Impl::judge_best() {
  if (!observer.judges_best() || !session.has_validation() || !state.has_best ||
      !metrics_task.counts_accuracy()) {
    return;
  }
  MetricSettings all = metrics;
  all.names = {std::string(kAllMetrics)};
  SetMetrics set = make_set_metrics(session, all);
  records->guarded([&] { evaluate_file(session, result.best_model, set); });
  if (set.counted() > 0) {
    observer.best_judged(set, class_names(session));
  }
}

// With checkpoint.top_k > 1 the best models stay in top/step-N/, the worst making room.
void Trainer::Impl::keep_top(double value) {
  const auto wanted = static_cast<std::size_t>(recipe.checkpoint.top_k);
  if (wanted < 2 || !std::isfinite(value)) {
    return;
  }
  const auto folder = [&](std::int64_t step) {
    return join_path(records->path("top"), concat("step-", step));
  };
  const auto worst = [&] {
    std::size_t found = 0;
    for (std::size_t i = 1; i < state.top_metrics.size(); ++i) {
      found = better(state.top_metrics[i], state.top_metrics[found]) ? found : i;
    }
    return found;
  };
  const auto drop = [&](std::size_t i) {
    const std::string old = folder(state.top_steps[i]);
    if (file_status(old).is_folder) {
      remove_folder(old, list_directory(old));
    }
    state.top_metrics.erase(state.top_metrics.begin() + static_cast<std::ptrdiff_t>(i));
    state.top_steps.erase(state.top_steps.begin() + static_cast<std::ptrdiff_t>(i));
  };
  while (state.top_metrics.size() > wanted) {  // there were to be more before a resume
    drop(worst());
  }
  if (state.top_metrics.size() == wanted) {
    if (!better(value, state.top_metrics[worst()])) {
      return;
    }
    drop(worst());
  }
  state.top_steps.push_back(state.attempted);
  state.top_metrics.push_back(value);
  make_directories(folder(state.attempted));
  export_to(join_path(folder(state.attempted), "model.onnx"));
}

bool Trainer::Impl::patient() const {
  return recipe.checkpoint.patience == 0 || state.bad_evaluations < recipe.checkpoint.patience;
}

void Trainer::Impl::export_to(const std::string& path) {
  records->guarded([&] {
    with_averages(recipe.average.exported == "average", [&] {
      graph::export_model(session.model(), session.engine().model_values(), path);
    });
    const JsonValue preparation = session.train_data().preprocessing();
    if (!preparation.is_null()) {
      write_file_atomically(preprocessing_path(path), preparation.text(2) + "\n");
    }
  });
}

void Trainer::Impl::checkpoint() {
  records->checkpoint(session.engine().store(), state);
  last_save = state.seconds;
}

void Trainer::Impl::report_progress(std::int64_t samples) {
  log_samples += samples;
  RunProgress progress;
  progress.step = state.attempted;
  progress.total_steps = total_steps;
  progress.epoch = state.data.epoch;
  progress.total_epochs = total_epochs;
  progress.loss = step_loss;
  progress.samples_per_second =
      static_cast<double>(log_samples) / std::max(steady_seconds() - log_began, 1e-9);
  observer.stepped(progress);
}

}  // namespace temper::training
