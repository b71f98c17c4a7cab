// [[train.stage]] of a recipe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace temper::training {

// A part of the run with its own trainable set: [[train.stage]].
struct StageSettings {
  std::int64_t epochs = 0;
  std::vector<std::string> freeze;  // patterns, beside model.freeze
  double lr = 1;                    // factor on every rate
};

}  // namespace temper::training
