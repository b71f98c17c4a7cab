#include "training/analysis/diagnosis.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>

#include "runtime/base/error.h"
#include "runtime/platform/folders.h"
#include "training/records/tensorboard_log.h"
#include "training/run/trainer.h"
#include "training/session/restored_variables.h"

namespace temper::training {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kBuckets = 60;
constexpr std::int64_t kHistograms = 10;  // written over all steps

double norm_of(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) {
    sum += static_cast<double>(value) * static_cast<double>(value);
  }
  return std::sqrt(sum);
}

std::vector<FrozenTensor> frozen_tensors(Session& session) {
  graph::Graph graph = session.engine().imported();
  const CompileSettings& settings = session.engine().settings();
  choose_trainable(graph, settings.model.trainable, settings.model.freeze);
  std::vector<FrozenTensor> frozen;
  for (int i = 0; i < graph.variable_count(); ++i) {
    const graph::Variable& variable = graph.variable(graph::VariableId{i});
    if (variable.is(graph::VariableKind::kParameter) && !variable.trainable) {
      frozen.push_back({variable.name, variable.why});
    }
  }
  return frozen;
}

// Follows the steps of a rehearsal.
class Watch {
 public:
  Watch(Session& session, const DiagnosisOptions& options, Diagnosis& diagnosis)
      : session_(session), options_(options), diagnosis_(diagnosis) {
    if (!options.tensorboard.empty()) {
      events_ = std::make_unique<EventFile>(options.tensorboard, 0);
    }
  }

  bool see(const RehearsedStep& step) {
    const bool first = diagnosis_.steps == 0;
    if (first) {
      open(step.ports);
    }
    ++diagnosis_.steps;
    diagnosis_.skipped += step.applied ? 0 : 1;
    diagnosis_.lr = step.lr;
    diagnosis_.losses.push_back(step.loss);
    diagnosis_.gradient_norms.push_back(step.grad_norm);
    const std::int64_t every = std::max<std::int64_t>(1, options_.steps / kHistograms);
    const bool writes = events_ != nullptr && step.step % every == 0;
    see_tensors(step, writes);
    see_layers(step, writes);
    if (events_ != nullptr) {
      events_->scalar(step.step, "loss", step.loss);
      events_->scalar(step.step, "grad_norm", step.grad_norm);
    }
    return options_.stepped == nullptr || options_.stepped(diagnosis_.steps);
  }

  void close() {
    for (std::size_t i = 0; i < diagnosis_.tensors.size(); ++i) {
      diagnosis_.tensors[i].after = distribution_of(values_[i]);
    }
  }

 private:
  // The tensors and layers of the step's plan; later plans of the last batch have the same.
  void open(const GraphPorts& ports) {
    const VariableStore& store = session_.engine().store();
    for (const TensorPort& gradient : ports.gradients) {
      const int id =
          store.find(VariableIdentity::of_tensor(VariableKind::kParameter, gradient.number));
      TensorDiagnosis tensor;
      tensor.name = store.variable(id).name;
      // The values before the first step: those of the model file.
      values_.push_back(initial_.value(id).values<float>());
      tensor.shape = store.variable(id).shape;
      tensor.before = distribution_of(values_.back());
      diagnosis_.tensors.push_back(std::move(tensor));
      ids_.push_back(id);
    }
    for (const WatchedLayer& layer : ports.layers) {
      diagnosis_.layers.emplace_back(layer);
    }
  }

  void see_tensors(const RehearsedStep& step, bool writes) {
    const VariableStore& store = session_.engine().store();
    for (std::size_t i = 0; i < diagnosis_.tensors.size(); ++i) {
      TensorDiagnosis& tensor = diagnosis_.tensors[i];
      const int output = step.ports.gradients[i].output;
      const std::vector<float> gradient = step.executor.read_output(output).values<float>();
      std::vector<float> now = store.get(ids_[i]).values<float>();
      const double before = norm_of(values_[i]);
      double change = 0;
      for (std::size_t k = 0; k < now.size(); ++k) {
        const double moved = static_cast<double>(now[k]) - static_cast<double>(values_[i][k]);
        change += moved * moved;
      }
      tensor.gradient_norms.push_back(norm_of(gradient));
      tensor.weight_norms.push_back(before);
      tensor.update_ratios.push_back(step.applied && before > 0 ? std::sqrt(change) / before
                                                                : kNan);
      values_[i] = std::move(now);
      if (writes) {
        events_->histogram(step.step, "gradients/" + tensor.name, gradient);
        events_->histogram(step.step, "weights/" + tensor.name, values_[i]);
      }
      if (events_ != nullptr && std::isfinite(tensor.update_ratios.back())) {
        events_->scalar(step.step, "update_ratio/" + tensor.name, tensor.update_ratios.back());
      }
    }
  }

  void see_layers(const RehearsedStep& step, bool writes) {
    for (std::size_t i = 0; i < diagnosis_.layers.size(); ++i) {
      ActivationStats& stats = diagnosis_.layers[i];
      const Tensor& tensor = step.executor.read_output(step.ports.layers[i].output);
      const std::vector<float> values = tensor.values<float>();
      stats.add(values, tensor.shape(), step.step);
      if (writes) {
        events_->histogram(step.step, "activations/" + stats.layer().name, values);
      }
    }
  }

  Session& session_;
  const DiagnosisOptions& options_;
  Diagnosis& diagnosis_;
  RestoredVariables initial_{session_.engine().store()};  // put back when this ends
  std::vector<std::vector<float>> values_;                // of each tensor, after the last step
  std::vector<int> ids_;                                  // of each tensor in the store
  std::unique_ptr<EventFile> events_;
};

}  // namespace

Distribution distribution_of(std::span<const float> values) {
  Distribution made;
  double sum = 0;
  double squares = 0;
  double count = 0;
  made.low = std::numeric_limits<double>::infinity();
  made.high = -made.low;
  for (const float value : values) {
    if (std::isfinite(value)) {
      const auto x = static_cast<double>(value);
      made.low = std::min(made.low, x);
      made.high = std::max(made.high, x);
      sum += x;
      squares += x * x;
      count += 1;
    }
  }
  if (count == 0) {
    made.low = made.high = 0;
    return made;
  }
  made.mean = sum / count;
  made.deviation = std::sqrt(std::max(0.0, squares / count - made.mean * made.mean));
  const double width = made.high > made.low ? (made.high - made.low) / kBuckets : 1.0 / kBuckets;
  made.counts.assign(kBuckets, 0);
  for (std::size_t i = 0; i <= kBuckets; ++i) {
    made.edges.push_back(made.low + width * static_cast<double>(i));
  }
  for (const float value : values) {
    if (std::isfinite(value)) {
      const double place = (static_cast<double>(value) - made.low) / width;
      made.counts[std::min(kBuckets - 1, static_cast<std::size_t>(place))] += 1;
    }
  }
  return made;
}

SessionNeeds diagnosis_needs() {
  SessionNeeds needs;
  needs.watch_steps = true;
  return needs;
}

Diagnosis diagnose(Session& session, const DiagnosisOptions& options) {
  TEMPER_CHECK(options.steps >= 2, ErrorCode::kInvalidArgument, "a diagnosis of ", options.steps,
               " steps shows nothing; take at least 2");
  Diagnosis diagnosis;
  RunObserver silent;
  Trainer trainer(session, silent, false);
  trainer.prepare();
  diagnosis.frozen = frozen_tensors(session);
  diagnosis.loss_warnings = session.losses().warnings;
  Watch watch(session, options, diagnosis);
  bool told_to_end = false;
  try {
    trainer.rehearse(options.steps, nullptr, [&](const RehearsedStep& step) {
      told_to_end = !watch.see(step);
      return !told_to_end;
    });
  } catch (const Error& error) {  // as the recipe's policy for steps that are not finite has it
    if (error.code() != ErrorCode::kDiverged) {
      throw;
    }
    diagnosis.trouble = error.message();
  }
  diagnosis.interrupted = told_to_end && diagnosis.steps < options.steps;
  diagnosis.samples =
      diagnosis.steps * session.recipe().data.batch_size * session.recipe().train.accumulate;
  watch.close();
  judge(diagnosis);
  return diagnosis;
}

}  // namespace temper::training
