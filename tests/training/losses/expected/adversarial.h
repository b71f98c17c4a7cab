// Adversarial losses and gradient penalties from PyTorch in float64 (tools/oracle/adversarial.py).
#pragma once

#include <string>
#include <vector>

namespace temper::training {

struct AdversarialExpected {
  std::string loss;
  double discriminator = 0;
  std::vector<double> dreal, dfake;
  double generator = 0;
  std::vector<double> dfake_of_generator;
};
const std::vector<AdversarialExpected>& adversarial_expected();

struct ParameterGradient {
  std::string name;
  std::vector<double> values;  // empty: the penalty does not depend on it
};
struct PenaltyExpected {
  double value = 0;
  std::vector<ParameterGradient> gradients;
};
const PenaltyExpected& gradient_penalty_expected();
const PenaltyExpected& r1_expected();

}  // namespace temper::training
