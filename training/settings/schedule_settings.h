// [schedule] of a recipe: how the learning rate moves.
#pragma once

#include <string>
#include <vector>

#include "training/settings/component.h"

namespace temper::training {

struct SchedulePhaseSettings {
  ComponentSettings schedule;
  std::string length;  // "500 steps" | "2 epochs" | "30%"; empty: to the end (last phase only)
};

struct ScheduleSettings {
  ComponentSettings schedule{"constant", {}};
  std::string per = "step";                   // "step" | "epoch"
  std::string warmup;                         // "500 steps" | "2 epochs" | "5%"
  std::string warmup_mode = "linear";         // "linear" | "exponential" | "constant"
  double warmup_start_factor = 0;             // 0: 1 / (warm-up steps + 1), constant 1/3
  std::vector<SchedulePhaseSettings> phases;  // schedule.name = "sequence"
};

}  // namespace temper::training
