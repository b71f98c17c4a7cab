// `temper average`: one file whose weights are the weighted mean of several files' weights.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "training/analysis/trial.h"
#include "training/recipe/recipe.h"

namespace temper::training {

struct AverageOptions {
  std::vector<double> weights;  // of the files; empty: they count alike
  // Each counts as many times as its metadata says it was trained on samples.
  bool by_samples = false;
  // Data from which BatchNorm's running statistics of the mean are computed; its model is not
  // looked at. None: they are averaged.
  std::optional<Recipe> recalibrate;
  std::map<std::string, std::int64_t> symbols;  // sizes for the trial run; others are chosen
  int threads = 1;
};

struct Average {
  std::vector<double> shares;      // of each file; their sum is 1
  std::int64_t averaged = 0;       // tensors that differed
  std::int64_t equal = 0;          // tensors that all files have alike
  std::int64_t recalibrated = 0;   // running statistics that were computed anew
  std::vector<TrialOutput> trial;  // of ONNX files: the first one's outputs, and those of the mean
  std::vector<std::string> notes;
};

// The mean is taken in double and rounded once. `files`: ONNX files of one structure, which gives
// an ONNX file, tried before it is written; or checkpoints (formats/checkpoint_file.h) or runs,
// which give a .safetensors file. THROWS: kInvalidArgument listing all differences in structure,
// names, shapes and types, or whole numbers that differ; kUnsupported when the trial fails: then
// nothing is written.
Average average_files(const std::vector<std::string>& files, const std::string& out,
                      const AverageOptions& options);

}  // namespace temper::training
