// The keys of [schedule] that are not parameters of a schedule, and [[schedule.phase]].
#include "training/recipe/key_field.h"
#include "training/schedules/schedule.h"

namespace temper::training {
namespace {

constexpr const char* kPer[] = {"step", "epoch"};
constexpr const char* kWarmup[] = {"linear", "exponential", "constant"};

// Of two models at least one leaves its schedule to [schedule].
KeyEffect not_replaced() {
  KeyEffect made;
  made.decided_by = {"schedule.generator.name", "schedule.discriminator.name"};
  made.holds = [](const Recipe& recipe, const RunFacts&) {
    const AdversarialSettings& two = recipe.adversarial;
    return !two.is_on() || two.generator.schedule.schedule.name.empty() ||
           two.discriminator.schedule.schedule.name.empty();
  };
  made.told = [](const Recipe&, const RunFacts&) {
    return std::string("[schedule.generator] and [schedule.discriminator] are both given");
  };
  return made;
}

}  // namespace

std::vector<RecipeKey> schedule_keys_at(const std::string& table,
                                        ScheduleSettings& (*schedule)(Recipe&)) {
  return {
      key(table + ".name", "which schedule",
          [schedule](Recipe& r) -> auto& { return schedule(r).schedule.name; }),
      key(
          table + ".per", "when it advances: \"step\" or \"epoch\"",
          [schedule](Recipe& r) -> auto& { return schedule(r).per; }, one_of<kPer, 2>)
          .when(without_value(table + ".name", {"constant", "plateau"})),
      key(table + ".warmup", "length of a warm-up before it: \"500 steps\", \"2 epochs\", \"5%\"",
          [schedule](Recipe& r) -> auto& { return schedule(r).warmup; }),
      key(
          table + ".warmup_mode", "\"linear\", \"exponential\" or \"constant\"",
          [schedule](Recipe& r) -> auto& { return schedule(r).warmup_mode; }, one_of<kWarmup, 3>)
          .when(with(table + ".warmup")),
      key(
          table + ".warmup_start_factor",
          "share of the rate at step 0; 0: 1 / (warm-up steps + 1), for \"constant\" 1/3",
          [schedule](Recipe& r) -> auto& { return schedule(r).warmup_start_factor; }, share)
          .when(with(table + ".warmup")),
  };
}

std::vector<RecipeKey> schedule_keys() {
  std::vector<RecipeKey> keys =
      schedule_keys_at("schedule", [](Recipe& r) -> ScheduleSettings& { return r.schedule; });
  for (RecipeKey& made : keys) {
    made.effect = made.effect.holds ? all_of({made.effect, not_replaced()}) : not_replaced();
  }
  return keys;
}

RepeatedTable schedule_phase_table() {
  using R = Recipe;
  using I = std::size_t;
  RepeatedTable table = {
      "schedule.phase",
      "schedules one after another (schedule.name = \"sequence\"); time begins anew in each, as "
      "in SequentialLR. Further keys are the schedule's parameters",
      {entry_key(
           "name", "which schedule",
           [](R& r, I i) -> auto& { return r.schedule.phases[i].schedule.name; }, not_empty,
           std::string{}, true),
       entry_key("length",
                 "\"500 steps\", \"2 epochs\" or \"30%\"; the last may go on to the run's end",
                 [](R& r, I i) -> auto& { return r.schedule.phases[i].length; })},
      [](const R& r) { return r.schedule.phases.size(); },
      [](R& r) { r.schedule.phases.emplace_back(); }};
  table.parameters_help = "any parameter of the schedule";
  table.parameters = [](const R& r, I i) {
    return find_schedule(r.schedule.phases[i].schedule.name).parameters;
  };
  table.given = [](R& r, I i) -> auto& { return r.schedule.phases[i].schedule.parameters; };
  table.completed = true;
  table.check = [](const R& r, I i) {
    const ComponentSettings& settings = r.schedule.phases[i].schedule;
    const Schedule& schedule = find_schedule(settings.name);
    const std::string problem =
        schedule.check == nullptr ? "" : schedule.check(settings.parameters);
    return problem.empty() ? problem : concat(settings.name, " ", problem);
  };
  return table;
}

}  // namespace temper::training
