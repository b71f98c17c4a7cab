// [quantize] of a recipe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace temper::training {

// Training with the rounding that the deployed model has (quantisation-aware training).
struct QuantizeSettings {
  std::int64_t bits = 0;              // of weights: 8 or 4; 0: the run rounds nothing
  std::string activations = "uint8";  // "uint8" | "int8" | "symmetric": values between layers
  bool per_channel = true;            // a scale for each output of a weight
  std::vector<std::string> skip;      // patterns of layers that stay in floats
  std::int64_t calibrate = 512;  // training samples from which ranges are learnt before the run
  std::string calibration = "minmax";  // "minmax" | "percentile" | "entropy" | "mse"
  double percentile = 99.999;
  std::string observers = "moving";   // "moving" | "fixed" | "learned"
  double averaging_constant = 0.01;   // of "moving"
  double freeze_after = 0.5;          // of "moving": the share of the run after which ranges stand
  double scale_lr = 0;                // of "learned": the scales' rate; 0: see scale_rate()
  std::string exported = "integers";  // "integers" | "rounded"

  bool is_on() const { return bits > 0; }
  bool is_learned() const { return observers == "learned"; }
  // The rate of learnt scales. The steps of other optimizers than SGD do not follow a gradient's
  // size, and a scale is far smaller than a weight.
  double scale_rate(const std::string& optimizer, double rate) const {
    return scale_lr > 0 ? scale_lr : optimizer == "sgd" ? rate : 0.01 * rate;
  }
};

}  // namespace temper::training
