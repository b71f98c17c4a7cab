// When and how far the averages of a run's weights move, and exchanging weights and averages.
#pragma once

#include <cstdint>

#include "runtime/exec/variable_store.h"
#include "training/recipe/recipe.h"
#include "training/schedules/run_schedule.h"

namespace temper::training {

// The plan of [average] over the applied steps of a run.
class AveragePlan {
 public:
  AveragePlan() = default;
  // THROWS: kInvalidArgument for a start that is no length.
  AveragePlan(const AverageSettings& settings, const RunLength& run);

  // The share by which the step that makes `applied` updates of them moves the averages.
  double weight(std::int64_t applied) const;
  // The same for BatchNorm statistics.
  double buffer_weight(std::int64_t applied) const;
  // Updates of the averages until then: AveragedModel's n_averaged.
  std::int64_t updates(std::int64_t applied) const;

 private:
  AverageSettings settings_;
  std::int64_t start_ = 0, every_ = 1;
};

// Before the step that makes `applied` updates: how far it moves the averages, into the store's
// variables for that; nothing where the run keeps none.
void set_average_weights(VariableStore& store, const AveragePlan& plan, std::int64_t applied);

// While it lives, the store's weights and statistics are the averages, and the averages the
// weights.
class AveragesInPlace {
 public:
  explicit AveragesInPlace(VariableStore& store) : store_(store) { swap(); }
  ~AveragesInPlace() { swap(); }
  AveragesInPlace(const AveragesInPlace&) = delete;
  AveragesInPlace& operator=(const AveragesInPlace&) = delete;

 private:
  void swap();
  VariableStore& store_;
};

}  // namespace temper::training
