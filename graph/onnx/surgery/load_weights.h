// `temper convert CHECKPOINT --into MODEL.onnx`: the tensors of a checkpoint in the places of an
// ONNX file that were exported from tensors of those names, whatever the exporter did to them.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"
#include "graph/onnx/surgery/weight_source.h"

namespace temper::graph {

struct LoadWeightsOptions {
  // Tensors of the file and names of the checkpoint, which come before all else.
  std::vector<std::pair<std::string, std::string>> map;
  std::optional<std::string> prefix;  // of the checkpoint's names; none: the one that fits best
  double batchnorm_epsilon = 1e-5;    // where a folded BatchNorm's is not known
  bool strict = false;                // nothing may be left over, and nothing guessed
  bool partial = false;               // a weight of the model that has no source keeps its value
};

// A tensor of the file that was given a value.
struct LoadedWeight {
  std::string tensor;
  std::string from;    // of the checkpoint; empty: of its BatchNorm alone
  std::string how;     // "name", "module", "shape", "rows 0 to 7", ...
  std::string folded;  // the BatchNorm's module; empty: none
  Shape shape;
  bool transposed = false;
  bool added = false;  // the file had left it out, being zero
  bool guessed = false;
};

struct LoadReport {
  std::vector<LoadedWeight> loaded;
  std::vector<std::pair<std::string, Shape>> left_in_model;       // keep the file's values
  std::vector<std::string> weights_left;                          // of these, those of layers
  std::vector<std::pair<std::string, Shape>> left_in_checkpoint;  // have no place
  std::string prefix;
  std::vector<std::string> notes;
};

// THROWS: kInvalidArgument when nothing fits, when a weight has no source (but for `partial`), when
// --map names what is not there, and with `strict`; kUnsupported when a BatchNorm of the checkpoint
// belongs behind a layer of the file that has none.
LoadReport load_weights(ModelEdit& edit, const WeightSource& source,
                        const LoadWeightsOptions& options);

}  // namespace temper::graph
