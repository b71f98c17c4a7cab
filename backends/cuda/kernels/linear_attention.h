// LinearAttention and its gradient: the recursions of
// backends/reference/kernels/linear_attention.cpp, where the formulas are named.
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"

namespace temper::cuda {

struct LinearAttentionShape {
  std::int64_t batch, steps, heads, kv_heads, key, value;
  std::int64_t decay_features, beta_features;  // 0: there is none
  std::int64_t chunk;                          // steps between two states that the gradient keeps
  double scale;

  constexpr std::int64_t state() const { return key * value; }
  constexpr std::int64_t all_heads() const { return batch * kv_heads; }
  constexpr std::int64_t chunks() const { return (steps + chunk - 1) / chunk; }
  // Doubles of a head: its state at the beginning of each chunk, at each step of one, decayed, and
  // its gradient; v - P^T k, u, du; a sum per row.
  constexpr std::int64_t grad_doubles() const {
    return (chunks() + chunk + 3) * state() + 3 * value + key;
  }
};

struct LinearAttentionInputs {
  const float *query, *key, *value;
  const float *past, *decay, *beta;  // null: there is none
};

// Null: not asked for.
struct LinearAttentionGradients {
  float *query, *key, *value, *past, *decay, *beta;
};

// `states`: state() doubles for each head.
void linear_attention(const LinearAttentionShape& shape, const LinearAttentionInputs& inputs,
                      float* y, float* present, double* states, StreamHandle stream);
// `tape`: grad_doubles() for each head; `dbeta`: a double for each head and step.
void linear_attention_grad(const LinearAttentionShape& shape, const LinearAttentionInputs& inputs,
                           const float* dy, const float* dpresent,
                           const LinearAttentionGradients& gradients, double* tape, double* dbeta,
                           StreamHandle stream);

}  // namespace temper::cuda
