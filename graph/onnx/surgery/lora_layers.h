// Where the layers and the adapters of lora.h are in a file.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "graph/onnx/surgery/linear_layers.h"
#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// In what form a layer can have an adapter.
enum class LoraForm {
  kProducts,     // two MatMuls beside a Gemm or MatMul
  kConvolution,  // two Convs beside a Conv
  kWeight        // added to the weight in front of the node
};

struct LoraLayer {
  LinearLayer layer;
  LoraForm form = LoraForm::kProducts;
  std::string name;     // no other layer's
  std::string refused;  // why it can have none; empty: it can
};

// The layers that multiply by a stored weight, in order.
std::vector<LoraLayer> lora_layers(ModelEdit& edit, const FlatGraph& flat, const FlatIndex& index);

// The nodes and tensors of one adapter.
struct LoraPlace {
  std::string layer;
  LoraForm form = LoraForm::kProducts;
  std::string a, b, factor;            // tensors
  std::vector<const FlatNode*> nodes;  // all that --lora made, the sum last
  const FlatNode* base = nullptr;      // the layer's node

  const FlatNode& sum() const { return *nodes.back(); }
};

// THROWS: kInvalidArgument when there are none; kUnsupported for other nodes than add_lora() makes.
std::vector<LoraPlace> find_adapters(ModelEdit& edit, const FlatIndex& index);

}  // namespace temper::graph
