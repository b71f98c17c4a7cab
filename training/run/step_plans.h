// The executors of a model's training steps, with the outputs the loop reads looked up once.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "runtime/exec/step_readings.h"
#include "training/objective/loss_totals.h"
#include "training/session/session.h"

namespace temper::training {

// Its readings (loss, norm, flags) may be looked at some steps later, in the order of the runs.
struct StepPlan {
  HeldExecutor executor;
  int loss = -1;
  int norm = -1;
  int clipped = -1;  // the norm after clipping by value or tensor; absent without it
  int ok = -1;
  int spike = -1;  // whether the spike guard kept the step from being applied; absent without it
  int loss_scale = -1;            // that coming steps use; absent where it stays as it is
  int accuracy = -1;              // absent where nothing is right or wrong
  std::vector<int> loss_sums;     // LossTotals::places()
  bool sums_are_readings = true;  // else they are the executor's of its last run
  const GraphPorts* ports = nullptr;
  std::unique_ptr<StepReadings> readings;
  mutable std::int64_t last_used = 0;

  // `late`: runs whose readings are not looked at yet, at most.
  StepPlan(HeldExecutor made, const GraphPorts& places, int late);
  void run() const {
    executor->run();
    readings->push(*executor);
  }
  // The oldest that was not looked at.
  const StepReading& take_reading() const;
};

class StepPlans {
 public:
  // `late`: of every plan.
  StepPlans(Session& session, int late) : session_(session), late_(late) {}
  // REQUIRES: the session's engine is prepared, so in at(). The first request is a whole step's.
  void prepare(const std::vector<GraphRequest>& requests);
  // From now on batches of any size may come: as those of samples that differ in length.
  void expect_any_size() { any_size_ = true; }
  // Makes room for the readings of those that are there.
  void reserve();
  // Of samples that differ in length the least recently used beyond the session's train.plan_cache
  // are dropped; `kept` stays, as those with readings that were not taken do.
  const StepPlan& at(GraphKind kind, const Batch& batch, const StepPlan* kept);
  const LossTotals& losses() const { return losses_; }
  // Whether all that a step gives the loop are readings.
  bool all_readings() const;
  // Before the engine makes others.
  void forget() { plans_.clear(); }

 private:
  Session& session_;
  const int late_;
  LossTotals losses_;
  using Key = std::tuple<GraphKind, std::int64_t, std::int64_t>;  // kind, rows of all ranks, length

  const StepPlan& at(const Key& key);
  void make_room(const StepPlan* kept);

  std::map<Key, StepPlan> plans_;
  std::int64_t uses_ = 0;
  bool any_size_ = false;
};

}  // namespace temper::training
