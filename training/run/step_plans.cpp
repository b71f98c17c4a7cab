#include "training/run/step_plans.h"

#include <algorithm>
#include <utility>

#include "runtime/base/error.h"

namespace temper::training {

StepPlan::StepPlan(HeldExecutor made, const GraphPorts& places, int late)
    : executor(std::move(made)),
      loss(places.loss),
      norm(places.norm),
      clipped(places.clipped),
      ok(places.ok),
      spike(places.spike),
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
    at(request.kind, request.batch);
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

const StepPlan& StepPlans::at(GraphKind kind, std::int64_t rows) {
  const auto key = std::make_pair(kind, rows);
  const auto known = plans_.find(key);
  if (known != plans_.end()) {
    return known->second;
  }
  Engine& engine = session_.engine();
  const GraphRequest request = session_.request(kind, rows);
  HeldExecutor executor = engine.executor(request);
  return plans_.emplace(key, StepPlan(std::move(executor), engine.ports(request), late_))
      .first->second;
}

}  // namespace temper::training
