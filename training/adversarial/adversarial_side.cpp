#include "training/adversarial/adversarial_side.h"

#include <algorithm>
#include <utility>

#include "runtime/base/error.h"
#include "training/schedules/schedule.h"

namespace temper::training {
namespace {

RunRates make_rates(const AdversarialSession& session, AdversarialGraphKind kind,
                    const RunLength& length) {
  const AdversarialSide& side = session.side(kind);
  const ScheduleSettings& settings = schedule_of(side, session.recipe());
  TEMPER_CHECK(settings.schedule.name != kPlateauSchedule, ErrorCode::kInvalidArgument,
               "schedule.name is \"plateau\", which follows a metric; the losses of two models "
               "against each other do not say which is better, so choose another schedule");
  return {settings, length, side.optimizer, concat("optimizer.", to_string(kind))};
}

}  // namespace

AdversarialSideLoop::AdversarialSideLoop(AdversarialSession& session, AdversarialGraphKind kind,
                                         std::string name, const RunLength& length, int late)
    : session_(session),
      kind_(kind),
      name_(std::move(name)),
      executor_(session.executor(kind)),
      readings_(late),
      rates_(make_rates(session, kind, length)),
      norm_(executor_->plan().output(PortRole::kNorm)),
      ok_(executor_->plan().output(PortRole::kOk)) {
  for (const auto& [role, metric] :
       {std::pair(PortRole::kLoss, "loss"), std::pair(PortRole::kReal, "real"),
        std::pair(PortRole::kFake, "fake"), std::pair(PortRole::kPenalty, "penalty")}) {
    const int index = executor_->plan().output(role);
    if (index >= 0) {
      logged_.push_back({concat(name_, "/", metric), index});
    }
  }
}

std::int64_t AdversarialSideLoop::applied_in_store() const {
  const VariableStore& store = session_.store();
  return store.get_scalar<std::int64_t>(
      store.find(ScalarRole::kApplied, session_.settings(kind_).model_index));
}

void AdversarialSideLoop::begin() {
  applied_ = applied_in_store();
  readings_.reserve(*executor_);
}

// Where the table may lack the coming step's rate, the store is asked which step that is: by then
// those whose rates are overwritten are done.
void AdversarialSideLoop::run() {
  if (!rates_.holds(most_applied())) {
    rates_.refill(session_.store(), session_.settings(kind_), applied_in_store());
  }
  executor_->run();
  readings_.push(*executor_);
}

bool AdversarialSideLoop::take_report(std::map<std::string, double>& sums) {
  const StepReading* reading = readings_.take_now();
  TEMPER_ASSERT(reading != nullptr, "every step has its report");
  loss_ = reading->value<double>(logged_.front().output);
  last_norm_ = reading->value<double>(norm_);
  if (!reading->value<bool>(ok_)) {
    return false;
  }
  ++applied_;
  for (const Logged& logged : logged_) {
    sums[logged.metric] += reading->value<double>(logged.output);
  }
  sums[name_ + "/steps"] += 1;
  return true;
}

void AdversarialSideLoop::log(std::map<std::string, double>& sums,
                              std::vector<Metric>& line) const {
  const double steps = sums[name_ + "/steps"];
  for (const auto& [metric, output] : logged_) {
    if (steps > 0) {
      line.push_back({metric, sums[metric] / steps});
    }
    sums[metric] = 0;
  }
  sums[name_ + "/steps"] = 0;
  line.push_back({name_ + "/lr", lr()});
  line.push_back({name_ + "/grad_norm", last_norm_});
}

double AdversarialSideLoop::lr() const {
  return rates_.rate(std::max<std::int64_t>(applied() - 1, 0));
}

}  // namespace temper::training
