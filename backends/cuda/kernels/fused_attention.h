// FusedAttention (graph/ops/fused_attention.cpp) and its gradient: scores are made tile by tile and
// never kept, but where the gradient of a bias adds them up.
#pragma once

#include <cstdint>

#include "backends/common/philox.h"
#include "backends/cuda/device.h"
#include "backends/cuda/device/places.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

inline constexpr std::int64_t kLongestHead = 256;  // elements of a query, key or value

struct AttentionShape {
  std::int64_t batch = 1, queries = 0, keys = 0, size = 0, values = 0;
  std::int64_t key_step = 0, key_element = 0;  // of k, from key to key and within one
  float scale = 1;
  bool causal = false, zero_rows = false;
  Places<1> bias;  // the first score of each batch element
  std::int64_t bias_query_step = 0, bias_key_step = 0;
  double ratio = 0;  // of the shares that are dropped
  std::uint64_t per_sample = 1;
  PhiloxStream stream{0, 0};
};

// Null where there is no such tensor; y, lse and dy are read by the gradient alone. `dtype`, f32,
// f16 or bf16, is that of all whose type is not given.
struct AttentionTensors {
  DType dtype;
  const void *q, *k, *v, *bias;
  const std::int64_t* position;
  const void* y;
  const float* lse;
  const void* dy;
};

void attention(const AttentionShape& shape, const AttentionTensors& tensors, void* y, float* lse,
               StreamHandle stream);

// Each may be null but `through`, which is room for a number per query. dscores: [batch, queries,
// keys].
struct AttentionGradients {
  void *dq, *dk, *dv;
  float *dscores, *through;
};

void attention_grad(const AttentionShape& shape, const AttentionTensors& tensors,
                    const AttentionGradients& gradients, StreamHandle stream);

}  // namespace temper::cuda
