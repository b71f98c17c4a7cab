// Attention in f32, block by block: about 64 queries by 128 keys at a time, whose scores stay in
// the caches. A softmax over blocks keeps each query's greatest score and sum so far; the gradient
// makes the shares again from the logarithm of the sum.
#pragma once

#include <algorithm>
#include <cstdint>

#include "backends/common/philox.h"
#include "backends/cpu/panel_product.h"
#include "backends/host/strided_view.h"
#include "runtime/backend/kernel.h"

namespace temper::cpu {

enum AttentionInput : std::size_t {
  kQuery,
  kKey,
  kValue,
  kBias,
  kPosition,
  kOutput,
  kLogSum,
  kOutputGradient,
  kAttentionInputs
};

struct AttentionPlan {
  std::int64_t batch = 1, queries = 0, keys = 0, size = 0, values = 0;
  bool turned = false, causal = false, zero_rows = false;
  float scale = 1;
  bool biased = false;
  StridedView bias;  // as [batch.., queries, keys]
  std::int64_t bias_elements = 0;
  // What is dropped of the shares: the upper 24 bits of a random word below `bound`.
  std::uint32_t bound = 0;
  float kept_scale = 1;
  std::int64_t shares_per_sample = 1;
  PhiloxStream stream{0, 0};
  // Batch indices that share a place of the bias's gradient make a group, which one thread adds up.
  std::int64_t groups = 1, members = 1;
  std::int64_t parts = 1;           // of the queries of one batch index, each for one thread
  std::int64_t private_floats = 0;  // of the workspace, for each thread
  int threads = 1;

  static constexpr std::int64_t kQueries = 80, kKeys = 128;  // of a block, at most

  // Queries of a block. Where each sees what is before it, smaller ones leave out more of what the
  // first of a block does not see; else about 64, and a few more rather than a block of a few.
  std::int64_t block() const {
    constexpr std::int64_t kCausal = 32, kUsual = 64, kMore = kQueries - kUsual;
    if (causal) {
      return kCausal;
    }
    const std::int64_t count = std::max<std::int64_t>(1, (queries + kUsual - 1 - kMore) / kUsual);
    const std::int64_t each = (queries + count - 1) / count;
    return count == 1 ? each : (each + 7) / 8 * 8;
  }
  std::int64_t blocks() const { return (queries + block() - 1) / block(); }
  std::int64_t padded_values() const { return packed_floats(1, values); }
  std::int64_t padded_size() const { return packed_floats(1, size); }
  // How many keys of the block at `key` a query attends to.
  std::int64_t seen(std::int64_t query, std::int64_t key, std::int64_t count) const {
    return causal ? std::clamp<std::int64_t>(query + 1 - key, 0, count) : count;
  }
  // Where the bias of a batch index and query lies, at key 0.
  std::int64_t bias_place(std::int64_t b, std::int64_t query) const {
    std::int64_t at = query * bias.strides[bias.shape.rank() - 2];
    for (int axis = bias.shape.rank() - 3; axis >= 0; --axis) {
      at += b % bias.shape[axis] * bias.strides[axis];
      b /= bias.shape[axis];
    }
    return at;
  }
  // Null: there is none.
  const float* bias_row(const void* data, std::int64_t b, std::int64_t query) const {
    return biased ? static_cast<const float*>(data) + bias_place(b, query) : nullptr;
  }
  bool drops() const { return bound > 0; }
  std::int64_t batch_index(std::int64_t group, std::int64_t member) const {
    if (members == 1) {
      return group;
    }
    std::int64_t b = 0, step = 1;
    for (int axis = bias.shape.rank() - 3; axis >= 0; --axis) {
      const std::int64_t count = bias.shape[axis];
      std::int64_t& rest = bias.strides[axis] == 0 ? member : group;
      b += rest % count * step;
      rest /= count;
      step *= count;
    }
    return b;
  }
  std::int64_t bias_step() const { return biased ? bias.strides[bias.shape.rank() - 1] : 0; }
};

// Floats that each thread needs.
std::int64_t attention_floats(const AttentionPlan& plan, bool backward);

// The inputs and outputs of `args` are those of FusedAttention and its gradient, null where there
// is none. One call works on one thread.
void attend(const AttentionPlan& plan, const KernelArgs& args, float* memory, std::int64_t begin,
            std::int64_t end);
// Groups [begin, end). The bias's gradient is zero before.
void attend_back(const AttentionPlan& plan, const KernelArgs& args, float* memory,
                 std::int64_t begin, std::int64_t end);

}  // namespace temper::cpu
