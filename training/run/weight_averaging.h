// When and how far the averages of a run's weights move, and exchanging weights and averages.
#pragma once

#include <cstdint>
#include <vector>

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

  // The step after which the averages begin, which may be another one than the settings say where
  // a run was resumed with another length.
  std::int64_t start() const { return start_; }
  void begin_after(std::int64_t step) { start_ = step; }

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

// Into the store's tables for that: how far each of the kRateSlots steps after `first` applied ones
// moves the averages; nothing where the run keeps none. REQUIRES: `first` is a multiple of
// kRateSlots.
void set_average_weights(VariableStore& store, const AveragePlan& plan, std::int64_t first);

// While it lives, the store's weights and statistics are the averages, and the averages the
// weights.
class AveragesInPlace {
 public:
  explicit AveragesInPlace(VariableStore& store);
  ~AveragesInPlace();
  AveragesInPlace(const AveragesInPlace&) = delete;
  AveragesInPlace& operator=(const AveragesInPlace&) = delete;

 private:
  struct Pair {
    int weight, average;
  };
  void swap();
  VariableStore& store_;
  std::vector<Pair> pairs_;
};

}  // namespace temper::training
