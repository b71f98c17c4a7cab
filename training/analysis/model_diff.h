// `temper diff`: two files compared as they are written, tensor by tensor, and run on the same
// inputs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "training/analysis/layer_diff.h"
#include "training/analysis/structure_diff.h"
#include "training/analysis/weight_diff.h"
#include "training/recipe/recipe.h"

namespace temper::training {

struct ModelDiffOptions {
  bool runs = true;                             // false: the files alone
  std::optional<Recipe> data;                   // what both are run on; empty: made-up inputs
  std::map<std::string, std::int64_t> symbols;  // sizes for made-up inputs; others are chosen
  int threads = 1;
};

// What a side is: "ONNX, opset 20, pytorch 2.15.0", or the format of a checkpoint.
struct ComparedFile {
  std::string path;
  std::string format;
};

struct ModelDiff {
  ComparedFile a;
  ComparedFile b;
  std::optional<StructureDiff> structure;  // of two ONNX files
  WeightDiff weights;
  std::optional<LayerDiff> layers;  // of two ONNX files that were run
  std::string inputs;               // on what
  std::vector<ValuePair> outputs;   // over all of the data; else those of `layers`
  std::vector<std::string> notes;

  // Whether outputs are near enough to each other, or without a run the weights. `strict`: all
  // parts, and structure is equal.
  bool equal(double tolerance, bool strict) const;
};

// ONNX files, checkpoints (formats/checkpoint_file.h) or folders of runs. THROWS: as reading them,
// pair_on_made_up() and pair_on_data().
ModelDiff diff_models(const std::string& a, const std::string& b, const ModelDiffOptions& options);

}  // namespace temper::training
