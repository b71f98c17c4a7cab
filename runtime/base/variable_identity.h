// What a variable is, told by kind and number: two graphs over one store find each other's
// variables by this. Names are labels for people and for files.
#pragma once

#include <compare>

namespace temper {

enum class VariableKind {
  kParameter,     // of the model: trainable, or could be; receives a gradient unless frozen
  kStatistic,     // of the model: a BatchNormalization running mean or variance
  kMoment,        // optimizer state of a parameter
  kAverage,       // average of a parameter or statistic
  kSnapshot,      // second state of any of these, to go back to
  kAccumulator,   // a parameter's gradient over the micro-batches so far
  kStaged,        // a statistic as the micro-batches of a group move it
  kTeacher,       // a tensor of the teacher, which nothing changes
  kCarried,       // a state of the model that a batch leaves to the next one in training
  kCarriedAside,  // the same in evaluation and prediction
  kScalar,        // steers a step: see ScalarRole
};

// What a variable of kind kScalar is for.
enum class ScalarRole {
  kNone,
  kRates,           // the table of learning rates
  kApplied,         // updates done
  kAttempted,       // steps tried
  kPosition,        // samples consumed
  kGroup,           // what the micro-batches of this group weigh
  kLoss,            // of this group so far
  kLossSum,         // of part `slot` of the loss, over this group so far
  kLossCount,       // beside it
  kSpikeWindow,     // what the last good steps gave, that another one is compared with
  kStopped,         // a step was not finite, and none after it is applied
  kStarts,          // the applied steps at which the stages began
  kAverageWeight,   // how far the coming step moves averages of parameters
  kAverageBuffers,  // and of statistics
  kLossScale,       // of mixed precision
  kGrowthTracker,   // of the loss scale
  kMemory,          // a number per group that an optimizer keeps
};

constexpr const char* to_string(ScalarRole role) {
  switch (role) {
    case ScalarRole::kNone:
      break;
    case ScalarRole::kRates:
      return "rates";
    case ScalarRole::kApplied:
      return "applied";
    case ScalarRole::kAttempted:
      return "attempted";
    case ScalarRole::kPosition:
      return "position";
    case ScalarRole::kGroup:
      return "accumulate";
    case ScalarRole::kLoss:
      return "loss";
    case ScalarRole::kLossSum:
      return "loss_sum";
    case ScalarRole::kLossCount:
      return "loss_count";
    case ScalarRole::kSpikeWindow:
      return "spike_window";
    case ScalarRole::kStopped:
      return "stopped";
    case ScalarRole::kStarts:
      return "starts";
    case ScalarRole::kAverageWeight:
      return "average_weight";
    case ScalarRole::kAverageBuffers:
      return "average_buffers";
    case ScalarRole::kLossScale:
      return "loss_scale";
    case ScalarRole::kGrowthTracker:
      return "growth_tracker";
    case ScalarRole::kMemory:
      return "memory";
  }
  return "";
}

struct VariableIdentity {
  VariableKind kind = VariableKind::kParameter;
  ScalarRole scalar = ScalarRole::kNone;  // of kScalar alone
  int model = 0;                          // which of the models of a run with two
  // kParameter, kStatistic, kTeacher: its number in its model as imported; kMoment: which state of
  // the optimizer; kAccumulator: which objective; kCarried: which state of those; of a loss sum:
  // which part. -1: the number that it gets in the graph it is added to.
  int slot = -1;
  // The variable that it belongs to, of the same graph or store; -1: none.
  int of = -1;

  friend auto operator<=>(const VariableIdentity&, const VariableIdentity&) = default;

  // A tensor that the model's file has.
  bool is_of_model() const {
    return kind == VariableKind::kParameter || kind == VariableKind::kStatistic;
  }
  // The identity of what belongs to `variable` of kind `what`.
  static VariableIdentity beside(int variable, VariableKind what, int slot = 0) {
    return {what, ScalarRole::kNone, 0, slot, variable};
  }
  // Tensor `number` of a model.
  static VariableIdentity of_tensor(VariableKind kind, int number, int model = 0) {
    return {kind, ScalarRole::kNone, model, number, -1};
  }
  static VariableIdentity of_scalar(ScalarRole role, int model = 0, int slot = 0) {
    return {VariableKind::kScalar, role, model, slot, -1};
  }
};

}  // namespace temper
