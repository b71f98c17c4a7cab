// A look at the first steps of a training run from inside: gradients, updates and weights of every
// tensor, outputs of every layer, and what stands out among them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "training/analysis/activation_stats.h"
#include "training/session/session.h"

namespace temper::training {

// Values over buckets of equal width, and their quantiles.
struct Distribution {
  double mean = 0;
  double deviation = 0;
  double low = 0;
  double high = 0;
  std::vector<double> edges;  // one more than counts
  std::vector<double> counts;
};
// Non-finite values are left out.
Distribution distribution_of(std::span<const float> values);

// One trained tensor.
struct TensorDiagnosis {
  std::string name;
  Shape shape;
  std::vector<double> gradient_norms;  // of each step, before clipping
  std::vector<double> weight_norms;    // before each step
  std::vector<double> update_ratios;   // |change| / |weight| of each step; NaN: skipped, or |0|
  Distribution before;                 // the weights
  Distribution after;

  // Weights of several axes; the others are biases and factors, whose figures say little.
  bool is_weight() const { return shape.rank() >= 2; }
};

struct FrozenTensor {
  std::string name;
  std::string why;
};

struct Finding {
  bool problem = true;  // else something worth knowing
  std::string subject;  // "gradients", "dead units", ...
  std::string text;     // what, how much, where
  std::string advice;   // what to try; may be empty
};

struct Diagnosis {
  std::int64_t steps = 0;  // done
  std::int64_t skipped = 0;
  std::int64_t samples = 0;  // seen, an upper bound when the last batch of an epoch is smaller
  double lr = 0;             // of the last step
  std::vector<double> losses;
  std::vector<double> gradient_norms;    // over all tensors
  std::vector<TensorDiagnosis> tensors;  // in the order of the model
  std::vector<ActivationStats> layers;   // producers first
  std::vector<FrozenTensor> frozen;
  std::vector<std::string> loss_warnings;  // RunLosses::warnings
  std::string trouble;                     // the error that ended it early; empty otherwise
  bool interrupted = false;
  std::vector<Finding> findings;
};

struct DiagnosisOptions {
  std::int64_t steps = 50;
  std::string tensorboard;  // a folder for event files; empty: none
  // Told the number of steps done; may end the diagnosis by returning false. Null: nobody.
  std::function<bool(std::int64_t)> stepped;
};

// What a session of a diagnosis needs.
SessionNeeds diagnosis_needs();

// Runs the steps by the session's recipe and puts every variable back as it was.
// REQUIRES: a session made with diagnosis_needs(). THROWS: kInvalidArgument for less than two
// steps.
Diagnosis diagnose(Session& session, const DiagnosisOptions& options);

// Fills the findings from all else, the worst first; there is always at least one.
void judge(Diagnosis& diagnosis);

// The middle one of the finite values; NaN without any.
double finite_median(std::vector<double> values);

}  // namespace temper::training
