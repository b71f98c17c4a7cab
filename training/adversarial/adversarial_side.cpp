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
                                         std::string name, const RunLength& length)
    : session_(session),
      kind_(kind),
      name_(std::move(name)),
      executor_(session.executor(kind)),
      rates_(make_rates(session, kind, length)),
      applied_(session.store().find(ScalarRole::kApplied, session.settings(kind).model)),
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

SideReport AdversarialSideLoop::run() {
  rates_.refill(session_.store(), session_.settings(kind_), applied());
  executor_->run();
  SideReport report;
  report.norm = executor_->read_number<double>(norm_);
  report.applied = executor_->read_number<bool>(ok_);
  for (std::size_t i = 0; i < logged_.size(); ++i) {
    report.values[i] = executor_->read_number<double>(logged_[i].output);
  }
  return report;
}

void AdversarialSideLoop::take(const SideReport& report, std::map<std::string, double>& sums) {
  loss_ = report.values.front();
  last_norm_ = report.norm;
  if (!report.applied) {
    return;
  }
  for (std::size_t i = 0; i < logged_.size(); ++i) {
    sums[logged_[i].metric] += report.values[i];
  }
  sums[name_ + "/steps"] += 1;
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
