// What a run tells of kernels that are far slower than the device could be.
#pragma once

#include <set>
#include <string>

#include "runtime/exec/plan.h"
#include "training/records/run_observer.h"

namespace temper::training {

// Once for each reason, however many plans and kernels have it.
class SlowKernels {
 public:
  void add(const Plan& plan) {
    for (const PlanStep& step : plan.steps) {
      if (const std::string& why = step.kernel->slow_because; !why.empty()) {
        why_.insert(why);
      }
    }
  }
  void tell(RunObserver& observer) const {
    for (const std::string& why : why_) {
      observer.message("slow: " + why);
    }
  }

 private:
  std::set<std::string> why_;
};

}  // namespace temper::training
