#include "training/schedules/length_notes.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

// A time after which a schedule does something for the first time.
struct FirstEvent {
  std::int64_t at = 0;  // 0: it has none
  std::string parameter;
  const char* what = "";
};

FirstEvent first_event(const Attrs& parameters) {
  if (const std::int64_t size = parameters.get_int("step_size", 0); size > 0) {
    return {size, concat("step_size = ", size), "the rate never drops"};
  }
  if (const std::int64_t period = parameters.get_int("T_0", 0); period > 0) {
    return {period, concat("T_0 = ", period), "it never begins anew"};
  }
  const std::vector<std::int64_t> milestones = parameters.get_ints("milestones");
  if (!milestones.empty()) {
    return {*std::min_element(milestones.begin(), milestones.end()),
            concat("milestones = [", join(milestones, ", "), "]"), "the rate never drops"};
  }
  return {};
}

class Notes {
 public:
  Notes(const ScheduleSettings& settings, const RunLength& run)
      : settings_(settings),
        run_(run),
        unit_(settings.per == "epoch" ? run.steps_per_epoch : 1),
        unit_name_(settings.per == "epoch" ? "epochs" : "steps") {}

  std::vector<std::string> make() {
    const std::int64_t warmup = parse_length(settings_.warmup, run_, "schedule.warmup");
    if (warmup >= run_.total_steps && warmup > 0) {
      notes_.push_back(concat("schedule.warmup = \"", settings_.warmup, "\" is not over when the ",
                              "run ends after ", run_.total_steps, " steps"));
      return std::move(notes_);
    }
    if (settings_.phases.empty()) {
      judge(settings_.schedule, warmup, run_.total_steps, "the run", true);
      return std::move(notes_);
    }
    std::int64_t begin = warmup;
    for (std::size_t i = 0; i < settings_.phases.size(); ++i) {
      const SchedulePhaseSettings& phase = settings_.phases[i];
      const std::string title =
          concat("[[schedule.phase]] ", i + 1, " (", phase.schedule.name, ")");
      if (begin >= run_.total_steps) {
        notes_.push_back(concat(title, " would begin at step ", begin, ", but the run ends after ",
                                run_.total_steps));
        break;
      }
      const std::int64_t length = parse_length(phase.length, run_, "schedule.phase.length");
      const std::int64_t end = phase.length.empty() ? run_.total_steps : begin + length;
      const bool last = i + 1 == settings_.phases.size();
      judge(phase.schedule, begin, end, phase.length.empty() ? "the run" : "its phase",
            last && end == run_.total_steps);
      if (last && end < run_.total_steps && find_schedule(phase.schedule.name).beyond != nullptr) {
        notes_.push_back(concat(title, " ends at step ", end, ", but the run goes on to ",
                                run_.total_steps, ": there ",
                                find_schedule(phase.schedule.name).beyond));
      }
      begin = end;
    }
    return std::move(notes_);
  }

 private:
  // `to_the_end`: nothing follows, so that leaving the length out fits it.
  void judge(const ComponentSettings& settings, std::int64_t begin, std::int64_t end,
             const char* frame, bool to_the_end) {
    const Schedule& schedule = find_schedule(settings.name);
    const std::int64_t room =
        std::max<std::int64_t>((end + unit_ - 1) / unit_ - begin / unit_, std::int64_t{1});
    const char* parameter = schedule.length_parameter;
    const std::int64_t own = parameter == nullptr ? 0 : settings.parameters.get_int(parameter, 0);
    const std::string said = parameter == nullptr ? "" : concat(parameter, " = ", own);
    const std::string given = concat("but ", frame, " has ", room, " ", unit_name_, " for it");
    const std::string advice = to_the_end ? concat(" (", parameter == nullptr ? "" : parameter,
                                                   " = 0 is the run's length)")
                                          : "";
    if (own > 0 && own < room && schedule.beyond != nullptr) {
      notes_.push_back(concat("the schedule ", settings.name, " has ", said, ", ", given,
                              ": after it ", schedule.beyond, advice));
    } else if (own > room) {
      notes_.push_back(concat("the schedule ", settings.name, " has ", said, ", ", given,
                              ": it is cut off before its end", advice));
    }
    const FirstEvent event = first_event(settings.parameters);
    if (event.at >= room) {
      notes_.push_back(concat("the schedule ", settings.name, " has ", event.parameter, ", ", given,
                              ": ", event.what));
    }
  }

  const ScheduleSettings& settings_;
  const RunLength& run_;
  std::int64_t unit_;
  const char* unit_name_;
  std::vector<std::string> notes_;
};

}  // namespace

std::vector<std::string> length_notes(const ScheduleSettings& settings, const RunLength& run) {
  return Notes(settings, run).make();
}

}  // namespace temper::training
