// Trajectories of the optimizers that see a parameter's axes, written by
// tools/oracle/matrix_updates.py.
#pragma once

#include <string>
#include <vector>

#include "runtime/base/attrs.h"

namespace temper::op_suite {

struct MatrixTrajectory {
  enum class Arithmetic { kDouble, kBFloat16 };  // of PyTorch's Newton-Schulz iteration
  std::string name;
  std::string op;
  Arithmetic arithmetic;
  Attrs attrs;
  bool scheduled = false;  // momentum as the script's MOMENTA
  // After 1, 10 and 100 steps: the numbers of each tensor.
  std::vector<std::vector<std::vector<double>>> after;
};

std::vector<MatrixTrajectory> matrix_trajectories();

}  // namespace temper::op_suite
