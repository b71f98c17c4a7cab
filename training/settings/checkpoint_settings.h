// [checkpoint] of a recipe: when to save, what is the best model, when to stop early.
#pragma once

#include <cstdint>
#include <string>

namespace temper::training {

struct CheckpointSettings {
  std::int64_t every = 0;  // steps; 0: at the end of each epoch
  double minutes = 0;      // of running time between checkpoints; 0: by steps or epochs
  std::int64_t keep = 3;
  std::int64_t top_k = 1;     // best models kept: best.onnx, and top/step-N.onnx for more than one
  std::string monitor;        // empty: "val/loss", or "train/loss" without validation
  std::string mode = "auto";  // "min" | "max" | "auto": as fits the metric
  std::int64_t patience = 0;  // evaluations without improvement before stopping; 0: never
};

}  // namespace temper::training
