// One of the two models of an adversarial run as the loop sees it: its step's plan, its schedule,
// what is logged of it. Private to training/.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "training/compile/step/parameter_groups.h"
#include "training/records/metrics_log.h"
#include "training/schedules/run_schedule.h"
#include "training/session/adversarial_session.h"

namespace temper::training {

class AdversarialSideLoop {
 public:
  // `name` begins its metrics: "d" or "g". `length`: of the run in steps of this model. THROWS:
  // kInvalidArgument for a schedule that does not suit.
  AdversarialSideLoop(AdversarialSession& session, AdversarialGraphKind kind, std::string name,
                      const RunLength& length);

  Executor& executor() { return *executor_; }
  double loss() const { return loss_; }  // of the last step
  // Steps that changed the model.
  std::int64_t applied() const { return store_.get_scalar<std::int64_t>(applied_); }

  // Runs the step. Its outputs go to `sums`, unless it was skipped: false.
  bool run(std::map<std::string, double>& sums);
  // The means since the last line; leaves `sums` without them.
  void report(std::map<std::string, double>& sums, std::vector<Metric>& line) const;

 private:
  struct Logged {
    std::string metric;
    int output;
  };

  double number(int output) const;
  double lr() const;
  void refill_rates();

  std::string name_;
  HeldExecutor executor_;
  const VariableStore& store_;
  RateTable rates_;
  RunSchedule schedule_;
  int applied_;  // the variable
  int norm_;
  int ok_;
  std::vector<Logged> logged_;
  double loss_ = 0;
  double last_norm_ = 0;
  std::int64_t rates_until_ = 0;
};

}  // namespace temper::training
