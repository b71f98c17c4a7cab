// `--lora`, `--lora-load`, `--merge-lora`, `--extract-lora`: low-rank adapters of linear layers
// (Hu et al. 2021, https://arxiv.org/abs/2106.09685), as the peft package has them: y + (x A) B f,
// where f is alpha / r. Of a Gemm or MatMul, A is [in, r] and B [r, out] in the file; of a Conv
// they are a Conv with the layer's own window to r channels and one of 1 x 1 behind it. Where an op
// does more than the product, such as com.microsoft's Attention, the weight itself is W + A B f.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// Another rank, or factor, for some of the layers.
struct LoraRank {
  NameTest match;
  std::int64_t rank = 8;
};

struct LoraOptions {
  std::int64_t rank = 8;
  double alpha = 0;  // 0: the rank, so that the factor is 1
  NameTest match;    // weights, nodes or module paths of Gemm, MatMul and Conv
  std::uint64_t seed = 0;
  double dropout = 0;           // of what goes into A, in training
  std::vector<LoraRank> ranks;  // the first that matches
};

// What the adapter of one layer holds, as the peft package stores it.
struct LoraAdapter {
  std::string layer;
  Tensor a;                      // [r, in], of a Conv [r, in, kh, kw]
  Tensor b;                      // [out, r], of a Conv [out, r, 1, 1]
  std::optional<double> factor;  // alpha / r; none: the file does not say
};

// Adapters that were trained elsewhere.
struct LoraLoad {
  std::vector<LoraAdapter> adapters;
  // Whole tensors that were trained beside them, such as a head, by PyTorch's names and in its
  // orientation.
  std::vector<std::pair<std::string, Tensor>> tensors;
  std::string from;             // the file, for messages
  std::optional<double> alpha;  // where an adapter has no factor
  double dropout = 0;
};

// Adds adapters: A as peft begins it (kaiming_uniform_(a=sqrt(5)), drawn layer after layer from
// torch.manual_seed(seed)), B zero, so that the outputs are those of before. THROWS:
// kInvalidArgument when nothing matches, or the rank is not below that of a weight; kUnsupported
// for a layer that has an adapter, or whose op takes none.
void add_lora(ModelEdit& edit, const LoraOptions& options);

// Adds adapters with these values, to the layers of their names: the module's path, the weight or
// the node; a path that one of the two has in front is no difference ("bert.encoder.x" and
// "encoder.x"). THROWS: kInvalidArgument for layers that the file does not have, for other shapes
// and for factors that nobody says, all of them listed.
void load_lora(ModelEdit& edit, const LoraLoad& load);

// The adapters of a file that add_lora() made. THROWS: kInvalidArgument when it has none.
std::vector<LoraAdapter> lora_adapters(ModelEdit& edit);
std::vector<LoraAdapter> lora_adapters(const OnnxModel& model);

// Puts W + A B f in the place of each W, and takes the adapters out. THROWS: kInvalidArgument when
// there are none; kUnsupported for a weight that other nodes read.
void merge_lora(ModelEdit& edit);

}  // namespace temper::graph
