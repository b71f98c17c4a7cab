// What transformers are made of. Sequences are [batch, positions, width]; attention is written as
// the products and the softmax it is made of, which every opset has.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "models/layers.h"
#include "models/network.h"

namespace temper::models {

// What masks add where nothing is to be seen: the lowest float32.
inline constexpr double kForbidden = -3.4028234663852886e38;

// An additive mask [1, 1, positions, positions] that lets each position see itself and those before
// it; `tokens` is [batch, positions].
ValueId causal_mask(Network& n, ValueId tokens);

// THROWS: kInvalidArgument when the features of a position cannot be shared evenly.
std::int64_t head_width_of(std::int64_t width, std::int64_t heads);

struct AttentionSizes {
  std::int64_t heads = 1;
  std::int64_t groups = 1;  // heads of keys and values: fewer in grouped-query attention
  std::int64_t head_width = 64;
};

// softmax(q k^T / sqrt(head_width) + mask) v, the heads side by side again: q is
// [batch, positions, heads * head_width], k and v have `groups` such parts. An invalid mask is
// none.
ValueId attention(Network& n, ValueId q, ValueId k, ValueId v, const AttentionSizes& sizes,
                  ValueId mask);
// The same of q and k that are [batch, heads, positions, head_width] already.
ValueId attention_of_heads(Network& n, ValueId q, ValueId k, ValueId v, const AttentionSizes& sizes,
                           ValueId mask);
// [batch, positions, heads * head_width] -> [batch, heads, positions, head_width].
ValueId split_heads(Network& n, ValueId x, std::int64_t heads, std::int64_t head_width);

// The parts of the last axis, all of one width.
std::vector<ValueId> split_last(Network& n, ValueId x, int parts);

}  // namespace temper::models
