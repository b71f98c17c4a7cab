// The layers of a file that multiply by a stored weight: their weight, their bias, and what people
// call them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "graph/ir/op_def.h"
#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// Who makes and who reads each value of a flat graph, which outlives this.
class FlatIndex {
 public:
  explicit FlatIndex(const FlatGraph& graph);

  const FlatNode* maker(const std::string& value) const;
  const std::vector<const FlatNode*>& readers(const std::string& value) const;

 private:
  std::unordered_map<std::string, const FlatNode*> makers_;
  std::unordered_map<std::string, std::vector<const FlatNode*>> readers_;
};

// The suffixes of the tensors of adapters (lora.h): "encoder.q_proj.lora_A".
inline constexpr const char* kLoraA = ".lora_A";
inline constexpr const char* kLoraB = ".lora_B";
inline constexpr const char* kLoraFactor = ".lora_factor";
inline constexpr const char* kLoraDropped = ".lora_dropped";  // a value: what goes into A

struct LinearLayer {
  const FlatNode* node = nullptr;
  Linear kind = Linear::kMatrix;
  std::string weight;  // the stored tensor
  // Where the outputs lie in the stored weight: 0 in [out, in, ...], 1 in [in, out].
  int output_axis = 0;
  std::string bias;                    // stored, [out]; empty: none
  const FlatNode* bias_add = nullptr;  // the Add behind a product that has it, or null

  // The value with the bias.
  const std::string& output() const { return (bias_add != nullptr ? bias_add : node)->outputs[0]; }
  // The module's path where the file has it, else the weight's name without ".weight", else the
  // node's name.
  std::string name() const;
  // By name(), the weight's name or the node's.
  bool is_meant(const NameTest& test) const;
};

// Nothing when the node is no product with a stored weight, one of another form, or an adapter's.
std::optional<LinearLayer> linear_layer(ModelEdit& edit, const FlatIndex& index,
                                        const FlatNode& node);

// How many outputs, or channels, the layer has.
std::int64_t units_of(ModelEdit& edit, const LinearLayer& layer);

// Whether the node normalises by statistics that it keeps.
bool is_batchnorm(const FlatNode& node);

// Whether an exporter made the name up: "val_88", "onnx::MatMul_213", "155".
bool is_anonymous(const std::string& tensor);

}  // namespace temper::graph
