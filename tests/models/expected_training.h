// The committed expectations of tests/models/expected: reading them, and making the model and the
// batch they are about.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/attrs.h"
#include "runtime/memory/tensor.h"
#include "training/formats/json.h"

namespace temper {

struct ExpectedGradient {
  std::string name;
  double norm = 0;
  double projection = 0;  // sum of g[i] * generate_floats(name + "/projection")[i]
  std::vector<std::pair<std::int64_t, double>> samples;  // (element, value)
};

struct ExpectedCurve {
  std::string optimizer;
  Attrs parameters;
  std::vector<double> losses;
};

struct ExpectedStatistics {
  std::string name;
  std::vector<double> values;
};

struct ExpectedTraining {
  std::string model;
  std::string loss;
  double first_loss = 0;
  std::vector<ExpectedGradient> gradients;
  std::vector<ExpectedCurve> curves;
  std::vector<ExpectedStatistics> statistics_after_sgd;
  training::JsonValue weights;  // the table of the data file
  Tensor input;
  Tensor target;
};

// tests/models/expected/NAME.json.
ExpectedTraining read_expected(const std::string& name);

// The bytes of the external data file that `expected`'s models name.
std::string generated_weights(const ExpectedTraining& expected);

// Puts tests/models/expected/FILE and its weights into `folder`; returns the model's path.
std::string place_model(const ExpectedTraining& expected, const std::string& file,
                        const std::string& folder);

}  // namespace temper
