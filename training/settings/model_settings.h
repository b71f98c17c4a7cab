// [model] of a recipe: which ONNX file, and what of it trains.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "training/settings/layout_settings.h"

namespace temper::training {

struct ModelSettings {
  std::string path;
  std::vector<std::string> freeze;
  std::vector<std::string> trainable;
  std::string batchnorm = "train";  // "train" | "frozen"
  std::string external_data_root;
  bool allow_negative_ids = false;  // an index -1 is the last row of a table, as ONNX counts
  std::vector<InputSettings> inputs;
  std::vector<OutputSettings> outputs;
  std::int64_t unroll = 64;               // loops of up to so many steps are written out
  std::int64_t max_trip_count = 100'000;  // of loops whose number of steps data decide

  bool freezes_batchnorm() const { return batchnorm == "frozen"; }
};

}  // namespace temper::training
