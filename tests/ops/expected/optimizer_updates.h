// PyTorch's optimizers on seven numbers: two parameters, of four and of three.
#pragma once

#include <string>
#include <vector>

#include "runtime/base/attrs.h"

namespace temper::op_suite {

// After one step: the parameter and each state, seven numbers each; NAdam's number per group last.
using UpdateState = std::vector<std::vector<double>>;

struct UpdateTrajectory {
  std::string name;
  std::string op;
  Attrs attrs;
  std::vector<double> rates;    // three per group: step s uses entry s % 3
  std::vector<double> momenta;  // scheduled, the same for all groups; empty: the optimizer's own
  double initial_state = 0;
  std::vector<UpdateState> first;  // after each of the first three steps
  std::vector<double> after_10;    // the parameter
  std::vector<double> after_100;
  // Where the second parameter begins to train at a later step, with fresh states: that step, which
  // is the first of all the above, and the state before it.
  long start = 0;
  UpdateState begin = {};
};

std::vector<UpdateTrajectory> update_trajectories();

}  // namespace temper::op_suite
