// The weights after 20 steps of a small run: as training leaves them, as the graph of a training
// step does run node by node, and as its file does.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/recipe/recipe.h"

namespace temper::training {

inline constexpr std::int64_t kStepsTaken = 20;
inline constexpr std::int64_t kStepRows = 8;

// Model, data, and recipes for them on the reference device.
struct StepFiles {
  TempFolder folder;
  std::string model = folder.path("m.onnx"), data = folder.path("d.npz");

  explicit StepFiles(const TinyModel& options);
  Recipe recipe(std::vector<std::string> lines) const;
};

using Weights = std::map<std::string, std::vector<double>>;  // by the tensors' names

Weights trained_weights(const Recipe& recipe);
// Also of the optimizer's state.
Weights weights_of_graph(const Recipe& recipe, const std::string& data);
// By the plain model of the step, written to `path` and read like any file.
Weights weights_of_file(const Recipe& recipe, const std::string& data, const std::string& path);

// The largest difference of a tensor that both have.
double difference_of(const Weights& stepped, const Weights& trained);

}  // namespace temper::training
