// Losses and their gradients in double, written by tools/oracle/losses.py.
#pragma once

#include <string>
#include <vector>

#include "runtime/base/attrs.h"
#include "runtime/base/shape.h"

namespace temper::training {

struct LossTensor {
  Shape shape;
  std::vector<double> values;
};

struct ExpectedLoss {
  std::string loss;
  Attrs parameters;
  std::vector<LossTensor> outputs;
  LossTensor target;  // no values: the loss takes none
  bool class_target = false;
  double value = 0;
  std::vector<std::vector<double>> gradients;  // of each output
  std::vector<double> sample_weight = {};      // empty: none
  std::vector<double> input_lengths = {};      // of label sequences; empty: none
};

std::vector<ExpectedLoss> expected_losses();
// With a weight for each sample.
std::vector<ExpectedLoss> expected_weighted_losses();

}  // namespace temper::training
