// The executors of a model's training steps, with the outputs the loop reads looked up once.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "training/objective/loss_totals.h"
#include "training/session/session.h"

namespace temper::training {

struct StepPlan {
  HeldExecutor executor;
  int loss = -1;
  int norm = -1;
  int clipped = -1;  // the norm after clipping by value or tensor; absent without it
  int ok = -1;
  int spike = -1;     // whether the spike guard kept the step from being applied; absent without it
  int accuracy = -1;  // absent where nothing is right or wrong
  std::vector<int> loss_sums;  // LossTotals::places()

  const GraphPorts* ports = nullptr;

  StepPlan(HeldExecutor made, const GraphPorts& places);
  double number(int output) const { return executor->read_number<double>(output); }
  bool applied() const { return executor->read_number<bool>(ok); }
  bool spiked() const { return spike >= 0 && executor->read_number<bool>(spike); }
};

class StepPlans {
 public:
  explicit StepPlans(Session& session) : session_(session) {}
  // REQUIRES: the session's engine is prepared, so in at(). The first request is a whole step's.
  void prepare(const std::vector<GraphRequest>& requests);
  const StepPlan& at(GraphKind kind, std::int64_t rows);
  const LossTotals& losses() const { return losses_; }
  // Before the engine makes others.
  void forget() { plans_.clear(); }

 private:
  Session& session_;
  LossTotals losses_;
  std::map<std::pair<GraphKind, std::int64_t>, StepPlan> plans_;
};

}  // namespace temper::training
