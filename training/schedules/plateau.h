// Rates that fall when a metric stops improving: ReduceLROnPlateau of torch.optim.lr_scheduler. It
// acts at evaluations and has a state, which is part of every checkpoint.
#pragma once

#include <cstdint>

#include "runtime/base/attrs.h"

namespace temper::training {

struct PlateauState {
  bool has_best = false;
  double best = 0;
  std::int64_t bad = 0;         // evaluations in a row without improvement
  std::int64_t cooldown = 0;    // evaluations that still do not count
  std::int64_t reductions = 0;  // how often the rates fell: all that the rates depend on
};

// Takes a metric's new value; true when the rates fall. `maximize` decides where mode = "auto". A
// value that is not a number is no improvement.
bool observe_metric(PlateauState& state, double value, bool maximize, const Attrs& parameters);

// The rate of a group after `reductions`: each time max(factor lr, min_lr), where that lowers it by
// more than eps.
double plateau_rate(std::int64_t reductions, double base, const Attrs& parameters);

}  // namespace temper::training
