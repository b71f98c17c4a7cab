#include "training/schedules/schedule.h"

#include <algorithm>
#include <iterator>

#include "runtime/base/error.h"
#include "training/schedules/families.h"

namespace temper::training {

std::int64_t length_or(const Attrs& parameters, std::string_view name, std::int64_t total) {
  const std::int64_t given = parameters.get_int(name, 0);
  return std::max<std::int64_t>(given == 0 ? total : given, 1);
}

std::string check_strategy(const AttrValue& value) {
  const auto& text = std::get<std::string>(value);
  return text == "cos" || text == "linear" ? "" : "must be \"cos\" or \"linear\"";
}

const std::vector<Schedule>& schedules() {
  static const std::vector<Schedule> kSchedules = [] {
    std::vector<Schedule> all;
    for (auto* family : kScheduleFamilies) {
      std::vector<Schedule> more = family();
      std::move(more.begin(), more.end(), std::back_inserter(all));
    }
    all.push_back({kSequenceSchedule,
                   "the [[schedule.phase]] tables one after another (SequentialLR)",
                   {},
                   nullptr});
    return all;
  }();
  return kSchedules;
}

const Schedule& find_schedule(std::string_view name) {
  std::vector<std::string> names;
  for (const Schedule& schedule : schedules()) {
    if (schedule.name == name) {
      return schedule;
    }
    names.push_back(schedule.name);
  }
  const std::string hint = nearest(name, names);
  fail(ErrorCode::kInvalidArgument, "unknown schedule '", name, "'",
       hint.empty() ? concat(" (there are ", join(names, ", "), ")")
                    : concat("; did you mean ", hint, "?"));
}

}  // namespace temper::training
