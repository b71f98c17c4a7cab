#include "training/run/run_length.h"

#include "runtime/base/concat.h"
#include "runtime/base/number_text.h"
#include "training/schedules/length_notes.h"

namespace temper::training {

std::vector<std::string> notes_of_lengths(const std::vector<ScheduledModel>& models,
                                          std::int64_t total_steps) {
  std::vector<std::string> notes;
  for (const ScheduledModel& model : models) {
    for (const std::string& note : length_notes(*model.schedule, model.length(total_steps))) {
      notes.push_back(model.name.empty() ? note : concat(model.name, ": ", note));
    }
  }
  return notes;
}

std::vector<std::string> notes_of_changed_length(const std::vector<ScheduledModel>& models,
                                                 std::int64_t before, std::int64_t now,
                                                 std::int64_t done) {
  if (before <= 0 || before == now) {
    return {};
  }
  std::vector<std::string> notes = {length_change(before, now, done)};
  for (const ScheduledModel& model : models) {
    const std::string key =
        model.name.empty() ? "schedule" : concat("the ", model.name, "'s schedule");
    std::string note = schedule_change(key, *model.schedule, model.length(before),
                                       model.length(now), model.applied, model.base_rate);
    if (!note.empty()) {
      notes.push_back(std::move(note));
    }
  }
  return notes;
}

std::string length_change(std::int64_t before, std::int64_t now, std::int64_t done) {
  return concat("this run was to have ", before, " steps, it now has ", now,
                done < now ? "" : concat("; it has done ", done, " already, so none is left"));
}

std::string schedule_change(const std::string& key, const ScheduleSettings& settings,
                            const RunLength& before, const RunLength& now, std::int64_t applied,
                            double base_rate) {
  if (!depends_on_length(settings) || before.total_steps == now.total_steps) {
    return "";
  }
  const RunSchedule old(settings, before);
  const RunSchedule made(settings, now);
  return concat(key, " \"", settings.schedule.name, "\" goes by the run's length: from step ",
                applied + 1, " on its rates are those of a run of ", now.total_steps, " steps (",
                digits_text(made.rate(applied, base_rate), 6), " there, where that of ",
                before.total_steps, " steps had ", digits_text(old.rate(applied, base_rate), 6),
                "); the steps before had the rates of ", before.total_steps, " steps");
}

AveragePlan resumed_average(const AverageSettings& settings, const RunLength& now,
                            const RunState& state, std::int64_t applied,
                            std::vector<std::string>& notes) {
  AveragePlan plan(settings, now);
  const std::int64_t planned = plan.start();
  if (!settings.is_on() || state.average_start < 0 || state.average_start == planned) {
    return plan;
  }
  const bool begun = state.average_updates > 0;
  if (state.total_steps == now.total_steps || (planned <= applied && begun)) {
    plan.begin_after(state.average_start);
  } else if (planned < applied) {
    plan.begin_after(applied);
  }
  if (plan.start() != state.average_start) {
    notes.push_back(
        concat("average.start goes by the run's length: the weights are averaged after "
               "step ",
               plan.start(), ", not after step ", state.average_start,
               begun ? "; the average of the steps so far is given up" : ""));
  }
  return plan;
}

}  // namespace temper::training
