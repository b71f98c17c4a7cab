// Which tensor of a checkpoint each place of a model's graph was exported from.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graph/onnx/surgery/linear_layers.h"
#include "graph/onnx/surgery/weight_source.h"

namespace temper::graph {

// A BatchNormalization of the checkpoint that the exporter put into the layer in front of it.
struct FoldedNorm {
  std::string module;
  int scale = kNoSource;  // and shift: none where it is not affine
  int shift = kNoSource;
  int mean = kNoSource;
  int variance = kNoSource;
  double epsilon = 1e-5;
  std::string epsilon_from;  // "the file", "the checkpoint", "assumed"

  friend bool operator==(const FoldedNorm& a, const FoldedNorm& b) {
    return a.variance == b.variance;
  }
};

// What becomes of a stored tensor.
struct Assignment {
  int source = kNoSource;  // of a folded bias kNoSource: the layer has none of its own
  bool turned = false;
  std::optional<FoldedNorm> norm = {};
  bool is_shift = false;    // the bias of a folded layer
  int channel_axis = 0;     // of a folded weight
  std::int64_t groups = 1;  // the channels of axis 1 come once for each group
  bool is_part = false;     // rows [first_row, ...) and repeated along axes
  std::int64_t first_row = 0;
  std::int64_t rows = 0;  // of a table with two axes
  std::string how = {};   // "name", "module", "shape", ...
  bool is_guess = false;  // --strict refuses it

  friend bool operator==(const Assignment& a, const Assignment& b) {
    return a.source == b.source && a.turned == b.turned && a.norm == b.norm &&
           a.is_shift == b.is_shift;
  }
};

// One input of one node that reads a stored float tensor.
struct WeightUse {
  const FlatNode* node = nullptr;
  std::size_t input = 0;
  std::string tensor;
  std::optional<Assignment> from;
};

// Layers that lost their bias because it was zero, and what it is in the checkpoint.
struct MissingBias {
  const FlatNode* node = nullptr;
  std::optional<LinearLayer> layer;  // none: an op with a bias as input 2, such as a normalisation
  std::string weight;
  Assignment from;
};

struct UsesFound {
  std::vector<WeightUse> uses;
  std::vector<MissingBias> missing;
};

// Names that SourceNames is to find, for the choice of its prefix.
std::vector<std::string> names_of_weights(ModelEdit& edit, const FlatGraph& flat);

// `epsilon`: of a folded BatchNorm that neither file says one for.
UsesFound find_weight_uses(ModelEdit& edit, const FlatGraph& flat, const FlatIndex& index,
                           const SourceNames& names, double epsilon);

// The BatchNorm whose statistics begin with `module`; nothing when the checkpoint has none.
std::optional<FoldedNorm> norm_of(const SourceNames& names, const std::string& module);

}  // namespace temper::graph
