#include "models/transformer_layers.h"

#include <cmath>

#include "runtime/base/error.h"

namespace temper::models {
ValueId causal_mask(Network& n, ValueId tokens) {
  const Network::Scope scope(n, "mask");
  const ValueId at = positions(n, tokens, 1);
  const ValueId seen = n.op("LessOrEqual", {unsqueeze(n, at, {0}), unsqueeze(n, at, {1})});
  const ValueId mask = n.op("Where", {seen, n.number(0), n.number(kForbidden)});
  return unsqueeze(n, mask, {0, 1});
}

std::int64_t head_width_of(std::int64_t width, std::int64_t heads) {
  TEMPER_CHECK(width % heads == 0, ErrorCode::kInvalidArgument, "width ", width,
               " is no multiple of heads ", heads);
  return width / heads;
}

ValueId split_heads(Network& n, ValueId x, std::int64_t heads, std::int64_t head_width) {
  return transpose(n, reshape(n, x, {0, 0, heads, head_width}), {0, 2, 1, 3});
}

std::vector<ValueId> split_last(Network& n, ValueId x, int parts) {
  return n.ops("Split", {x}, parts,
               {{"axis", std::int64_t{-1}}, {"num_outputs", std::int64_t{parts}}});
}

ValueId attention(Network& n, ValueId q, ValueId k, ValueId v, const AttentionSizes& sizes,
                  ValueId mask) {
  return attention_of_heads(n, split_heads(n, q, sizes.heads, sizes.head_width),
                            split_heads(n, k, sizes.groups, sizes.head_width), v, sizes, mask);
}

// With fewer groups than heads the heads of a group meet its keys by broadcasting:
// q [batch, groups, heads / groups, positions, head_width], k and v [batch, groups, 1, ...].
ValueId attention_of_heads(Network& n, ValueId q, ValueId k, ValueId v, const AttentionSizes& sizes,
                           ValueId mask) {
  const bool grouped = sizes.groups != sizes.heads;
  v = split_heads(n, v, sizes.groups, sizes.head_width);
  ValueId keys = transpose(n, k, {0, 1, 3, 2});
  if (grouped) {
    q = reshape(n, q, {0, sizes.groups, sizes.heads / sizes.groups, -1, sizes.head_width});
    keys = unsqueeze(n, keys, {2});
    v = unsqueeze(n, v, {2});
  }
  const double scale = 1 / std::sqrt(static_cast<double>(sizes.head_width));
  ValueId scores = mul(n, n.op("MatMul", {q, keys}), n.number(scale));
  if (mask.valid()) {
    scores = add(n, scores, mask);
  }
  const ValueId shares = n.op("Softmax", {scores}, {{"axis", std::int64_t{-1}}});
  ValueId mixed = n.op("MatMul", {shares, v});
  if (grouped) {
    mixed = reshape(n, mixed, {0, sizes.heads, -1, sizes.head_width});
  }
  return reshape(n, transpose(n, mixed, {0, 2, 1, 3}), {0, 0, sizes.heads * sizes.head_width});
}

}  // namespace temper::models
