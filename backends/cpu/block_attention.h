// Attention in f32, block by block: 64 queries by 128 keys at a time, whose scores stay in the
// caches. A softmax over blocks keeps each query's greatest score and sum so far; the gradient
// makes the shares again from the logarithm of the sum.
#pragma once

#include <algorithm>
#include <cstdint>

#include "backends/cpu/panel_product.h"
#include "backends/host/strided_view.h"
#include "runtime/backend/kernel.h"

namespace temper::cpu {

struct AttentionPlan {
  std::int64_t batch = 1, queries = 0, keys = 0, size = 0, values = 0;
  bool turned = false, causal = false, zero_rows = false;
  float scale = 1;
  bool biased = false;
  StridedView bias;                 // as [batch.., queries, keys]
  std::int64_t parts = 1;           // of the queries of one batch index, each for one thread
  std::int64_t private_floats = 0;  // of the workspace, for each thread
  int threads = 1;

  static constexpr std::int64_t kQueries = 64, kKeys = 128;  // of a block; whole panels

  std::int64_t blocks() const { return (queries + kQueries - 1) / kQueries; }
  std::int64_t padded_values() const { return packed_floats(1, values); }
  std::int64_t padded_size() const { return packed_floats(1, size); }
  // How many keys of the block at `key` a query attends to.
  std::int64_t seen(std::int64_t query, std::int64_t key, std::int64_t count) const {
    return causal ? std::clamp<std::int64_t>(query + 1 - key, 0, count) : count;
  }
  // The bias of a batch index and query, at key 0; null: none.
  const float* bias_row(const void* data, std::int64_t b, std::int64_t query) const {
    if (!biased) {
      return nullptr;
    }
    std::int64_t at = query * bias.strides[bias.shape.rank() - 2];
    for (int axis = bias.shape.rank() - 3; axis >= 0; --axis) {
      at += b % bias.shape[axis] * bias.strides[axis];
      b /= bias.shape[axis];
    }
    return static_cast<const float*>(data) + at;
  }
  std::int64_t bias_step() const { return biased ? bias.strides[bias.shape.rank() - 1] : 0; }
};

// Floats that each thread needs.
std::int64_t attention_floats(const AttentionPlan& plan, bool backward);

// The inputs and outputs of `args` are those of FusedAttention and its gradient, null where there
// is none. One call works on one thread.
void attend(const AttentionPlan& plan, const KernelArgs& args, float* memory, std::int64_t begin,
            std::int64_t end);
void attend_back(const AttentionPlan& plan, const KernelArgs& args, float* memory,
                 std::int64_t begin, std::int64_t end);

}  // namespace temper::cpu
