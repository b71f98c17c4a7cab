// `temper prune`: weights that count little are zeros, or channels of them gone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

struct PruneOptions {
  double sparsity = 0.5;  // the share of each layer's weights, or channels
  bool channels = false;
  NameTest match;  // of layers, by module path, weight or node; none: all
};

struct PrunedLayer {
  std::string layer;
  std::string weight;
  std::int64_t gone = 0;  // weights that are zeros now, or channels
  std::int64_t of = 0;
  std::string kept;  // why nothing is gone; empty: something is
};

// In each layer with a stored weight (Conv, Gemm, MatMul) the weights of the smallest magnitude
// become 0, as torch.nn.utils.prune.l1_unstructured has them: round(sparsity * all) of them. With
// `channels` the outputs of a layer whose weights have the smallest sum of magnitudes are gone, as
// ln_structured chooses them with n = 1, and what reads them loses the same: BatchNormalization,
// activations and pooling in between, the inputs of the one layer behind. Layers whose outputs go
// anywhere else stay as they are. THROWS: kInvalidArgument where nothing can be pruned.
std::vector<PrunedLayer> prune(ModelEdit& edit, const PruneOptions& options);

}  // namespace temper::graph
