// `--lora`, `--merge-lora`, `--extract-lora`: low-rank adapters of linear layers (Hu et al. 2021,
// https://arxiv.org/abs/2106.09685). y + (x A) B * alpha / r, with A [in, r] and B [r, out].
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

struct LoraOptions {
  std::int64_t rank = 8;
  double alpha = 0;  // 0: the rank, so that the factor is 1
  NameTest match;    // weights, nodes or module paths of Gemm and MatMul
  std::uint64_t seed = 0;
};

// What the adapter of one layer holds, as the peft package stores it.
struct LoraAdapter {
  std::string layer;
  Tensor a;  // [r, in]
  Tensor b;  // [out, r]
  double factor = 1;
};

// Adds adapters: A as peft begins it (kaiming_uniform_(a=sqrt(5)), drawn layer after layer from
// torch.manual_seed(seed)), B zero, so that the outputs are those of before. THROWS:
// kInvalidArgument when nothing matches, or the rank is not below that of a weight; kUnsupported
// for a model that has adapters.
void add_lora(ModelEdit& edit, const LoraOptions& options);

// The adapters of a file that add_lora() made. THROWS: kInvalidArgument when it has none.
std::vector<LoraAdapter> lora_adapters(ModelEdit& edit);

// Puts W + A B alpha / r in the place of each W, and takes the adapters out. THROWS:
// kInvalidArgument when there are none; kUnsupported for a weight that other nodes read.
void merge_lora(ModelEdit& edit);

}  // namespace temper::graph
