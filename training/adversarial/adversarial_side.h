// One of the two models of an adversarial run as the loop sees it: its step's plan, its rates,
// what is logged of it. Private to training/.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/exec/step_readings.h"
#include "training/records/metrics_log.h"
#include "training/run/run_length.h"
#include "training/run/run_rates.h"
#include "training/session/adversarial_session.h"

namespace temper::training {

class AdversarialSideLoop {
 public:
  // `name` begins its metrics: "d" or "g". `length`: of the run in steps of this model; `late`: of
  // them whose readings are not looked at yet, at most. THROWS: kInvalidArgument for a schedule
  // that does not suit.
  AdversarialSideLoop(AdversarialSession& session, AdversarialGraphKind kind, std::string name,
                      const RunLength& length, int late);

  Executor& executor() { return *executor_; }
  std::string_view model() const { return to_string(kind_); }
  double loss() const { return loss_; }  // of the last step that was reported
  // Steps that changed the model, as far as they are reported.
  std::int64_t applied() const { return applied_; }
  // At most so many, with those that are not.
  std::int64_t most_applied() const { return applied_ + readings_.waiting(); }
  // The same as the store has them.
  std::int64_t applied_in_store() const;

  // Before the first step of this part of the run.
  void begin();
  // Runs the step.
  void run();
  // Takes in the report of the oldest step without one; its values go to `sums`, unless it was
  // skipped: false.
  bool take_report(std::map<std::string, double>& sums);
  // The means since the last line; leaves `sums` without them.
  void log(std::map<std::string, double>& sums, std::vector<Metric>& line) const;

 private:
  struct Logged {
    std::string metric;
    int output;
  };

  double lr() const;

  AdversarialSession& session_;
  AdversarialGraphKind kind_;
  std::string name_;
  HeldExecutor executor_;
  StepReadings readings_;
  RunRates rates_;
  int norm_;
  int ok_;
  std::vector<Logged> logged_;
  std::int64_t applied_ = 0;
  double loss_ = 0;
  double last_norm_ = 0;
};

}  // namespace temper::training
