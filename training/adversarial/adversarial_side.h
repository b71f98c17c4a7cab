// One of the two models of an adversarial run as the loop sees it: its step's plan, its rates,
// what is logged of it. Private to training/.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "training/records/metrics_log.h"
#include "training/run/run_length.h"
#include "training/run/run_rates.h"
#include "training/session/adversarial_session.h"

namespace temper::training {

// What a step of a model gave.
struct SideReport {
  bool applied = false;
  double norm = 0;
  std::array<double, 4> values{};  // in the order of what is logged; the loss first
};

class AdversarialSideLoop {
 public:
  // `name` begins its metrics: "d" or "g". `length`: of the run in steps of this model. THROWS:
  // kInvalidArgument for a schedule that does not suit.
  AdversarialSideLoop(AdversarialSession& session, AdversarialGraphKind kind, std::string name,
                      const RunLength& length);

  Executor& executor() { return *executor_; }
  std::string_view model() const { return to_string(kind_); }
  double loss() const { return loss_; }  // of the last step that was reported
  // Steps that changed the model.
  std::int64_t applied() const { return session_.store().get_scalar<std::int64_t>(applied_); }

  // Runs the step.
  SideReport run();
  // Takes in what a step gave; its values go to `sums`, unless it was skipped.
  void take(const SideReport& report, std::map<std::string, double>& sums);
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
  RunRates rates_;
  int applied_;  // the variable
  int norm_;
  int ok_;
  std::vector<Logged> logged_;
  double loss_ = 0;
  double last_norm_ = 0;
};

}  // namespace temper::training
