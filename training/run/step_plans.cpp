#include "training/run/step_plans.h"

#include <utility>

namespace temper::training {

StepPlan::StepPlan(HeldExecutor made, const GraphPorts& places)
    : executor(std::move(made)),
      loss(places.loss),
      norm(places.norm),
      clipped(places.clipped),
      ok(places.ok),
      spike(places.spike),
      accuracy(places.accuracy),
      loss_sums(places.loss_sums),
      ports(&places) {}

void StepPlans::prepare(const std::vector<GraphRequest>& requests) {
  Engine& engine = session_.engine();
  losses_ = LossTotals(engine.settings(), true, engine.plan(requests.front()));
  for (const GraphRequest& request : requests) {
    at(request.kind, request.batch);
  }
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
  return plans_.emplace(key, StepPlan(std::move(executor), engine.ports(request))).first->second;
}

}  // namespace temper::training
