#include "training/run/validation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "runtime/base/error.h"
#include "training/settings/component.h"

namespace temper::training {

Validation::Validation(Session& session, RunContext& context, RunModel& model)
    : session_(session),
      context_(context),
      model_(model),
      best_(context, [&model](const std::string& path) { model.export_to(path); }) {}

void Validation::settle() {
  task_ = metric_task(session_);
  metrics_ = wanted_metrics(session_);
  class_names(session_);  // their number is checked before the first step
  const std::string& asked = context_.recipe.checkpoint.monitor;
  const std::string name = !asked.empty()              ? asked
                           : session_.has_validation() ? "val/loss"
                                                       : "train/loss";
  const std::vector<std::string> known = monitor_names(session_);
  const std::string hint = nearest(name, known);
  TEMPER_CHECK(std::find(known.begin(), known.end(), name) != known.end(),
               ErrorCode::kInvalidArgument, "checkpoint.monitor is \"", name, "\"; this run has ",
               join(known, ", "), hint.empty() ? "" : concat(" (did you mean ", hint, "?)"),
               session_.has_validation() ? "" : " (validation needs data.val or data.val_split)");
  best_.watch(name);
}

void Validation::resume() {
  last_ = context_.state.best_evaluation;
  any_ = last_.samples > 0;
}

double Validation::monitored() const {
  const double nothing = std::numeric_limits<double>::quiet_NaN();
  const RunState& state = context_.state;
  const std::string& name = best_.monitor();
  const std::string rest = name.substr(name.find('/') + 1);
  if (name.starts_with("train/")) {
    const auto part = state.last_train_parts.find(rest);
    return rest == "loss"                         ? state.last_train_loss
           : rest == "accuracy"                   ? state.last_train_accuracy
           : part != state.last_train_parts.end() ? part->second
                                                  : nothing;
  }
  return rest == "loss" ? last_.loss : last_.metric(rest).value_or(nothing);
}

void Validation::validate() {
  const auto val = session_.make_val_loader();
  SetMetrics set = make_set_metrics(session_, metrics_);
  model_.with_averages(context_.recipe.average.validate,
                       [&] { last_ = evaluate(session_, *val, set); });
  any_ = true;
  context_.state.last_evaluation = last_;
  context_.state.evaluated_step = context_.state.attempted;
  std::vector<Metric> line = {{"val/loss", last_.loss}};
  for (const MetricValue& metric : last_.metrics) {
    line.push_back({"val/" + metric.name, metric.value});
  }
  RunState& state = context_.state;
  context_.records->write(state, state.attempted, state.data.epoch, line);
}

// Without validation there is no number of it to compare: the training loss of an epoch is of
// weights that move.
void Validation::evaluate_given() {
  if (!session_.has_validation()) {
    return;
  }
  validate();
  context_.state.given_evaluation = last_;
  if (best_.monitor().starts_with("val/")) {
    best_.consider_given(monitored(), last_);
  }
}

void Validation::evaluate_now(RunRates& rates) {
  RunState& state = context_.state;
  if (session_.has_validation()) {
    validate();
  }
  const double value = monitored();
  if (std::isnan(value)) {
    context_.observer.message(
        concat("step ", state.attempted, ": ", best_.monitor(),
               " is not a number, so this evaluation counts as no improvement",
               last_.trouble.empty() ? "" : concat("; ", last_.trouble)));
  }
  if (rates.observe(value, best_.maximize(), state.applied)) {
    context_.observer.message(concat("step ", state.attempted, ": ", best_.monitor(),
                                     " has stopped improving; the learning rate falls to ",
                                     rates.rate(state.applied)));
  }
  state.plateau = rates.plateau();
  best_.consider(value, last_);
}

void Validation::judge_best() {
  if (!context_.observer.judges_best() || !session_.has_validation() || !context_.state.has_best ||
      !task_.counts_accuracy()) {
    return;
  }
  MetricSettings all = metrics_;
  all.names = {std::string(kAllMetrics)};
  SetMetrics set = make_set_metrics(session_, all);
  context_.records->guarded([&] { evaluate_file(session_, best_.best_path(), set); });
  if (set.counted() > 0) {
    context_.observer.best_judged(set, class_names(session_));
  }
}

}  // namespace temper::training
