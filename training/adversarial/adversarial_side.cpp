#include "training/adversarial/adversarial_side.h"

#include <algorithm>
#include <utility>

#include "runtime/base/dtype_visit.h"
#include "runtime/base/error.h"
#include "training/run/run_rates.h"
#include "training/schedules/schedule.h"

namespace temper::training {
namespace {

RunSchedule make_schedule(const AdversarialSession& session, const AdversarialSide& side,
                          const char* model, const RunLength& length) {
  const ScheduleSettings& settings = schedule_of(side, session.recipe());
  TEMPER_CHECK(settings.schedule.name != kPlateauSchedule, ErrorCode::kInvalidArgument,
               "schedule.name is \"plateau\", which follows a metric; the losses of two models "
               "against each other do not say which is better, so choose another schedule");
  RunSchedule made(settings, length);
  check_moved_momentum(made, settings, side.optimizer, concat("optimizer.", model));
  return made;
}

}  // namespace

AdversarialSideLoop::AdversarialSideLoop(AdversarialSession& session, AdversarialGraphKind kind,
                                         std::string name, const RunLength& length)
    : name_(std::move(name)),
      executor_(session.executor(kind)),
      store_(session.store()),
      rates_(session.store(), session.settings(kind)),
      schedule_(make_schedule(session, session.side(kind), to_string(kind), length)),
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

bool AdversarialSideLoop::run(std::map<std::string, double>& sums) {
  refill_rates();
  executor_->run();
  loss_ = number(logged_.front().output);
  last_norm_ = number(norm_);
  if (!executor_->read_number<bool>(ok_)) {
    return false;
  }
  for (const Logged& logged : logged_) {
    sums[logged.metric] += number(logged.output);
  }
  sums[name_ + "/steps"] += 1;
  return true;
}

void AdversarialSideLoop::report(std::map<std::string, double>& sums,
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

double AdversarialSideLoop::number(int output) const {
  return executor_->read_number<double>(output);
}

double AdversarialSideLoop::lr() const {
  return schedule_.rate(std::max<std::int64_t>(applied() - 1, 0), rates_.lr(0));
}

void AdversarialSideLoop::refill_rates() {
  if (applied() >= rates_until_) {
    rates_until_ = fill_rates(rates_, applied(), schedule_, [this](std::int64_t step, double base) {
      return schedule_.rate(step, base);
    });
  }
}

}  // namespace temper::training
