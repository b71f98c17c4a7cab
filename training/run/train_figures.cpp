#include "training/run/train_figures.h"

#include <algorithm>
#include <cmath>

namespace temper::training {

double TrainFigures::clipped_norm(const StepPlan& plan, const StepReading& reading) const {
  const double norm = reading.value<double>(plan.clipped >= 0 ? plan.clipped : plan.norm);
  const double limit = context_.recipe.clip.norm;
  constexpr double kEpsilon = 1e-6;  // as ClipFactor and clip_grad_norm_
  const double factor = limit > 0 ? limit / (norm + kEpsilon) : 1;
  return factor < 1 ? norm * factor : norm;
}

void TrainFigures::take_norms(const StepPlan& plan, const StepReading& reading) {
  context_.state.last_norm = reading.value<double>(plan.norm);
  context_.state.last_norm_clipped = clipped_norm(plan, reading);
}

void TrainFigures::add_applied(const StepPlan& plan, const StepReading& reading,
                               const AccuracyCount& right) {
  RunState& state = context_.state;
  const auto loss = reading.value<double>(plan.loss);
  state.largest_norm = std::max(state.largest_norm, state.last_norm);
  state.clipped_steps += state.last_norm_clipped < state.last_norm ? 1 : 0;
  state.nonfinite += std::isfinite(loss) && std::isfinite(state.last_norm) ? 0 : 1;
  ++state.loss_steps;
  for (std::vector<double>* sums : {&state.loss_sums, &state.epoch_loss_sums}) {
    plan.sums_are_readings ? plans_.losses().add(reading, plan.loss_sums, *sums)
                           : plans_.losses().add(*plan.executor, plan.loss_sums, *sums);
  }
  state.correct += right.correct;
  state.counted += right.total;
  state.epoch_correct += right.correct;
  state.epoch_counted += right.total;
}

void TrainFigures::log_losses(bool epoch_end, std::vector<Metric>& line) {
  RunState& state = context_.state;
  const std::vector<double>& sums = epoch_end ? state.epoch_loss_sums : state.loss_sums;
  if (plans_.losses().any(sums)) {
    state.last_train_loss = plans_.losses().loss(sums);
    line.push_back({"train/loss", state.last_train_loss});
    for (const MetricValue& part : plans_.losses().parts(sums)) {
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

void TrainFigures::log_gradients(std::vector<Metric>& line) {
  RunState& state = context_.state;
  line.push_back({"opt/grad_norm", state.last_norm});
  if (state.loss_steps > 0) {
    line.push_back({"opt/grad_norm_max", state.largest_norm});
  }
  const ClipSettings& clip = context_.recipe.clip;
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
  state.loss_steps = 0;
  state.clipped_steps = 0;
  state.largest_norm = 0;
}

}  // namespace temper::training
