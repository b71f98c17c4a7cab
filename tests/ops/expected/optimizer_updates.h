// Five steps of PyTorch's optimizers on seven numbers: two parameters, of four and of three.
#pragma once

#include <string>
#include <vector>

#include "runtime/base/attrs.h"

namespace temper::op_suite {

// After one step: the parameter and each state, seven numbers each.
using UpdateState = std::vector<std::vector<double>>;

struct UpdateTrajectory {
  std::string name;
  std::string op;
  Attrs attrs;
  std::vector<UpdateState> in_f64;  // one per step
  std::vector<UpdateState> in_f32;
};

std::vector<double> update_initial();
std::vector<std::vector<double>> update_gradients();  // one per step
std::vector<double> update_rates();                   // step s uses entry s % 3
std::vector<UpdateTrajectory> update_trajectories();

}  // namespace temper::op_suite
