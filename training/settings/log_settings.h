// [log] of a recipe.
#pragma once

#include <cstdint>

namespace temper::training {

struct LogSettings {
  std::int64_t every = 10;  // steps
  bool tensorboard = true;
  bool charts = true;
  std::int64_t histograms = 0;  // steps between histograms in TensorBoard; 0: none
};

}  // namespace temper::training
