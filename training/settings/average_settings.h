// [average] of a recipe.
#pragma once

#include <cstdint>
#include <string>

namespace temper::training {

// An average of the weights beside them: [average].
struct AverageSettings {
  std::string kind = "off";  // "off" | "ema" | "swa"
  double decay = 0.999;      // of ema
  bool warmup = false;
  std::string start;       // "500 steps"; empty: at once, of swa at 75%
  std::int64_t every = 0;  // steps; 0: each, of swa each epoch
  bool use_buffers = false;
  bool update_bn = true;  // of swa
  bool validate = true;
  std::string exported = "average";  // "average" | "last"

  bool is_on() const { return kind != "off"; }
  // Whether BatchNorm statistics of the averages come from a pass over the data.
  bool refreshes_statistics() const { return kind == "swa" && update_bn; }
};

}  // namespace temper::training
