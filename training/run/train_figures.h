// What is counted of the steps of one model, and the logged lines it makes.
#pragma once

#include <vector>

#include "training/metrics/accuracy.h"
#include "training/objective/loss_totals.h"
#include "training/records/metrics_log.h"
#include "training/run/run_context.h"
#include "training/run/step_plans.h"

namespace temper::training {

class TrainFigures {
 public:
  TrainFigures(RunContext& context, const StepPlans& plans) : context_(context), plans_(plans) {}

  // A step's norms, whether it was applied or not.
  void take_norms(const StepPlan& plan, const StepReading& reading);
  // An applied step. `right`: its predictions.
  void add_applied(const StepPlan& plan, const StepReading& reading, const AccuracyCount& right);

  // The loss and accuracy of the steps since the last line, at an epoch's end of the epoch.
  void log_losses(bool epoch_end, std::vector<Metric>& line);
  // The gradients' norms since the last line, and how often a step was out of the ordinary so far.
  void log_gradients(std::vector<Metric>& line);

 private:
  // The norm of the gradients that the optimizer got.
  double clipped_norm(const StepPlan& plan, const StepReading& reading) const;

  RunContext& context_;
  const StepPlans& plans_;
};

}  // namespace temper::training
