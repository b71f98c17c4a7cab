// Evaluations of a run while it goes on: the validation set's loss and metrics, and what follows of
// them for the rates and for what is best.
#pragma once

#include "training/run/best_models.h"
#include "training/run/run_context.h"
#include "training/run/run_model.h"
#include "training/run/run_rates.h"
#include "training/session/run_metrics.h"
#include "training/session/session.h"

namespace temper::training {

class Validation {
 public:
  Validation(Session& session, RunContext& context, RunModel& model);

  // Which metrics there are and which of them is monitored. THROWS: kInvalidArgument for names that
  // do not apply.
  void settle();
  const MetricTask& task() const { return task_; }
  BestModels& best() { return best_; }
  const BestModels& best() const { return best_; }

  // A resumed run's best evaluation stands for the last one, which the state has not.
  void resume();
  // The model before the first step, where there is validation data to measure it on. Neither
  // patience nor a plateau counts it.
  void evaluate_given();
  // The model as it is now; `rates` fall where they follow a metric that has stopped improving.
  void evaluate_now(RunRates& rates);

  // The monitored metric as it stands; NaN: there is none yet.
  double monitored() const;
  const Evaluation& last() const { return last_; }
  bool any() const { return any_; }
  // The best model on the validation rows with every metric that applies, where someone draws them.
  void judge_best();

 private:
  void validate();

  Session& session_;
  RunContext& context_;
  RunModel& model_;
  BestModels best_;
  MetricTask task_;
  MetricSettings metrics_;
  Evaluation last_;
  bool any_ = false;
};

}  // namespace temper::training
