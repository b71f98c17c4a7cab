#include "training/run/step_plans.h"

#include <algorithm>
#include <utility>

#include "runtime/base/error.h"
#include "training/compile/step/rank_sums.h"

namespace temper::training {

StepPlan::StepPlan(HeldExecutor made, const GraphPorts& places, int late)
    : executor(std::move(made)),
      loss(places.loss),
      norm(places.norm),
      clipped(places.clipped),
      ok(places.ok),
      spike(places.spike),
      loss_scale(places.loss_scale),
      accuracy(places.accuracy),
      loss_sums(places.loss_sums),
      ports(&places),
      readings(std::make_unique<StepReadings>(late)) {
  const std::vector<PlanPort>& outputs = executor->plan().outputs;
  for (const int sums : loss_sums) {
    const bool is_reading = sums < 0 || outputs[static_cast<std::size_t>(sums)].reading >= 0;
    sums_are_readings = sums_are_readings && is_reading;
  }
}

const StepReading& StepPlan::take_reading() const {
  const StepReading* reading = readings->take_now();
  TEMPER_ASSERT(reading != nullptr, "no run is without a look at its readings");
  return *reading;
}

void StepPlans::prepare(const std::vector<GraphRequest>& requests) {
  Engine& engine = session_.engine();
  losses_ = LossTotals(engine.settings(), true, engine.plan(requests.front()));
  for (const GraphRequest& request : requests) {
    at(Key{request.kind, all_rows(request), session_.length_of(request)});
  }
}

void StepPlans::reserve() {
  for (const auto& [key, plan] : plans_) {
    plan.readings->reserve(*plan.executor);
  }
}

bool StepPlans::all_readings() const {
  return std::all_of(plans_.begin(), plans_.end(),
                     [](const auto& plan) { return plan.second.sums_are_readings; });
}

void StepPlans::make_room(const StepPlan* kept) {
  const std::int64_t most = session_.recipe().train.plan_cache;
  while (static_cast<std::int64_t>(plans_.size()) >= most) {
    auto oldest = plans_.end();
    for (auto it = plans_.begin(); it != plans_.end(); ++it) {
      const StepPlan& plan = it->second;
      if (&plan != kept && plan.readings->waiting() == 0 &&
          (oldest == plans_.end() || plan.last_used < oldest->second.last_used)) {
        oldest = it;
      }
    }
    if (oldest == plans_.end()) {
      return;
    }
    plans_.erase(oldest);
  }
}

const StepPlan& StepPlans::at(GraphKind kind, const Batch& batch, const StepPlan* kept) {
  const Key key{kind, batch.all_rows, batch.length};
  if ((any_size_ || batch.length > 0) && !plans_.contains(key)) {
    make_room(kept);
  }
  return at(key);
}

const StepPlan& StepPlans::at(const Key& key) {
  const auto known = plans_.find(key);
  if (known != plans_.end()) {
    known->second.last_used = ++uses_;
    return known->second;
  }
  Engine& engine = session_.engine();
  const auto [kind, rows, length] = key;
  const GraphRequest request = session_.request(kind, rows, length);
  HeldExecutor executor = engine.executor(request);
  const StepPlan& made =
      plans_.emplace(key, StepPlan(std::move(executor), engine.ports(request), late_))
          .first->second;
  made.last_used = ++uses_;
  return made;
}

}  // namespace temper::training
