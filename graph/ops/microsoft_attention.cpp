// Attention of com.microsoft as the Attention of ONNX: Attention (with the projection of queries,
// keys and values in it), MultiHeadAttention, RotaryEmbedding.
#include <algorithm>
#include <limits>

#include "graph/ops/composite.h"

namespace temper::graph {
namespace {

std::int64_t heads_of(const Node& node) {
  const std::int64_t heads = node.attrs.get_int("num_heads", 0);
  expect(heads > 0, "num_heads is ", heads, ", expected 1 or more");
  return heads;
}

ValueId whole(Builder& b, std::int64_t number) {
  return b.scalar(DType::kInt64, static_cast<double>(number));
}

// 0, 1, ... as `shape`
ValueId counting(Builder& b, std::int64_t count, Shape shape) {
  return b.reshape(b.op("Range", {whole(b, 0), whole(b, count), whole(b, 1)}), std::move(shape));
}

// Which keys are kept, as bool that broadcasts to [batch, heads, queries, keys]. Masks are
// [batch, keys] or [batch, queries, keys] of 1 and 0, or [batch], the number of keys, or
// [2 batch], where they end and then where they begin.
ValueId kept_keys(Builder& b, ValueId mask, std::int64_t batch, std::int64_t keys) {
  const Shape shape = b.shape(mask);
  if (shape.rank() == 1) {
    support(shape[0] == batch || shape[0] == 2 * batch, "a mask of shape ", shape, " with ", batch,
            " samples is not supported");
    const ValueId places = counting(b, keys, {1, 1, 1, keys});
    const ValueId wide = b.cast(mask, DType::kInt64);
    const auto bound = [&](std::int64_t from) {
      return b.reshape(b.slice(wide, 0, from, from + batch), {batch, 1, 1, 1});
    };
    const ValueId before = b.op("Less", {places, bound(0)});
    return shape[0] == batch
               ? before
               : b.op("And", {before, b.op("GreaterOrEqual", {places, bound(batch)})});
  }
  support(shape.rank() == 2 || shape.rank() == 3, "a mask of shape ", shape, " is not supported");
  const ValueId kept = b.cast(mask, DType::kBool);
  return shape.rank() == 2 ? b.reshape(kept, {shape[0], 1, 1, shape[1]})
                           : b.reshape(kept, {shape[0], 1, shape[1], shape[2]});
}

struct Parts {
  ValueId query, key, value;     // [batch, sequence, hidden], or [batch, heads, sequence, size]
  ValueId mask, bias;            // of the form of kept_keys(); added to the scores
  ValueId past_key, past_value;  // [batch, heads, past, size]
};

// y, and the keys and values with those of the past.
std::vector<ValueId> attend(Builder& b, const Node& node, const Parts& parts) {
  const std::int64_t heads = heads_of(node);
  Attrs attrs{{"q_num_heads", heads},
              {"kv_num_heads", heads},
              {"is_causal", node.attrs.get_int("unidirectional", 0)}};
  if (const double scale = node.attrs.get_double("scale", 0); scale != 0) {
    attrs.set("scale", scale);
  }
  const Shape key = b.shape(parts.key);
  expect(key.rank() == 3 || key.rank() == 4, "the keys have the shape ", key);
  std::int64_t keys = key[key.rank() - 2];
  keys += parts.past_key.valid() ? b.shape(parts.past_key)[2] : 0;
  ValueId bias = parts.bias;
  if (parts.mask.valid()) {
    const DType type = b.dtype(parts.query);
    const ValueId kept = kept_keys(b, parts.mask, key[0], keys);
    const double filter = node.attrs.get_double("mask_filter_value", -10000);
    // A finite number: a sample whose keys are all masked attends to all of them alike.
    const double least = type == DType::kFloat16 ? -65504 : std::numeric_limits<float>::lowest();
    const ValueId masked =
        b.op("Where", {kept, b.scalar(type, 0), b.scalar(type, std::max(filter, least))});
    bias = bias.valid() ? b.add(bias, masked) : masked;
  }
  std::vector<ValueId> inputs{parts.query, parts.key,      parts.value,
                              bias,        parts.past_key, parts.past_value};
  while (!inputs.back().valid()) {
    inputs.pop_back();
  }
  return b.ops("Attention", std::move(inputs), 3, attrs, {true, true, true});
}

// Whether keys and values with those of the past are asked for.
bool asks_for(const Node& node, std::size_t output) {
  return output < node.outputs.size() && node.outputs[output].valid();
}

// Inputs x [batch, sequence, features], weights [features, q + k + v], bias, mask, past
// [2, batch, heads, past, size], attention bias.
std::vector<ValueId> expand_attention_layer(Builder& b, const Node& node,
                                            const std::vector<ValueId>& inputs) {
  support(node.attrs.get_int("do_rotary", 0) == 0, "do_rotary = 1 is not supported");
  support(!given(inputs, 6).valid(), "past_sequence_length is not supported");
  ValueId all = b.op("MatMul", {inputs[0], inputs[1]});
  if (given(inputs, 2).valid()) {
    all = b.add(all, inputs[2]);
  }
  const std::int64_t width = b.shape(all)[b.shape(all).rank() - 1];
  std::vector<std::int64_t> sizes = node.attrs.get_ints("qkv_hidden_sizes");
  sizes = sizes.empty() ? std::vector<std::int64_t>(3, width / 3) : sizes;
  expect(sizes.size() == 3 && sizes[0] + sizes[1] + sizes[2] == width,
         "qkv_hidden_sizes do not add up to the ", width, " columns of the weights");
  Parts parts;
  parts.query = b.slice(all, 2, 0, sizes[0]);
  parts.key = b.slice(all, 2, sizes[0], sizes[0] + sizes[1]);
  parts.value = b.slice(all, 2, sizes[0] + sizes[1], width);
  parts.mask = given(inputs, 3);
  parts.bias = given(inputs, 5);
  if (const ValueId past = given(inputs, 4); past.valid()) {
    Shape one = b.shape(past);
    expect(one.rank() == 5 && one[0] == 2, "past has the shape ", one,
           ", expected [2, batch, heads, past, size]");
    one = Shape(one.dims().last(4));
    parts.past_key = b.reshape(b.slice(past, 0, 0, 1), one);
    parts.past_value = b.reshape(b.slice(past, 0, 1, 2), one);
  }
  const std::vector<ValueId> made = attend(b, node, parts);
  if (!asks_for(node, 1)) {
    return {made[0]};
  }
  Shape stacked{1};
  for (const std::int64_t dim : b.shape(made[1])) {
    stacked.push_back(dim);
  }
  const ValueId present = b.op("Concat", {b.reshape(made[1], stacked), b.reshape(made[2], stacked)},
                               {{"axis", std::int64_t{0}}});
  return {made[0], present};
}

// Part `i` of [batch, sequence, heads, parts, size], as [batch, sequence, heads size].
ValueId unpacked(Builder& b, ValueId packed, std::int64_t i) {
  const Shape shape = b.shape(packed);
  return b.reshape(b.slice(packed, 3, i, i + 1), {shape[0], shape[1], shape[2] * shape[4]});
}

// Inputs query, key, value, bias, key mask, attention bias, past key, past value. The query may
// hold all three, the key both others; keys and values of a past computation have four axes.
std::vector<ValueId> expand_multi_head_attention(Builder& b, const Node& node,
                                                 const std::vector<ValueId>& inputs) {
  support(!given(inputs, 8).valid() && !given(inputs, 9).valid(),
          "past_sequence_length and cache_indirection are not supported");
  Parts parts{inputs[0],        given(inputs, 1), given(inputs, 2), given(inputs, 4),
              given(inputs, 5), given(inputs, 6), given(inputs, 7)};
  if (b.shape(parts.query).rank() == 5) {
    const ValueId packed = parts.query;
    parts.query = unpacked(b, packed, 0);
    parts.key = unpacked(b, packed, 1);
    parts.value = unpacked(b, packed, 2);
  } else if (parts.key.valid() && b.shape(parts.key).rank() == 5) {
    const ValueId packed = parts.key;
    parts.key = unpacked(b, packed, 0);
    parts.value = unpacked(b, packed, 1);
  }
  expect(parts.key.valid() && parts.value.valid(), "there is no key or no value");
  const std::int64_t heads = heads_of(node);
  // The form in heads, of which keys and values of a past computation are.
  const auto split = [&](ValueId x) {
    const Shape shape = b.shape(x);
    return shape.rank() == 4
               ? x
               : b.transpose(b.reshape(x, {shape[0], shape[1], heads, shape[2] / heads}),
                             {0, 2, 1, 3});
  };
  if (const ValueId bias = given(inputs, 3); bias.valid()) {
    std::int64_t from = 0;
    for (ValueId* part : {&parts.query, &parts.key, &parts.value}) {
      const Shape shape = b.shape(*part);
      if (shape.rank() == 3) {
        *part = b.add(*part, b.slice(bias, 0, from, from + shape[2]));
        from += shape[2];
      }
    }
  }
  const bool in_heads = b.shape(parts.key).rank() == 4 || b.shape(parts.value).rank() == 4;
  if (in_heads) {
    parts.query = split(parts.query);
    parts.key = split(parts.key);
    parts.value = split(parts.value);
  }
  std::vector<ValueId> made = attend(b, node, parts);
  if (in_heads) {
    const Shape y = b.shape(made[0]);
    made[0] = b.reshape(b.transpose(made[0], {0, 2, 1, 3}), {y[0], y[2], y[1] * y[3]});
  }
  made.resize(asks_for(node, 1) ? 3 : 1);
  return made;
}

// Inputs x, positions ([batch, sequence], or [1]: that of the first token), cosines, sines.
std::vector<ValueId> expand_rotary(Builder& b, const Node& node,
                                   const std::vector<ValueId>& inputs) {
  support(node.attrs.get_int("is_packed_batching", 0) == 0,
          "is_packed_batching = 1 is not supported");
  const Shape x = b.shape(inputs[0]);
  expect(x.rank() == 3 || x.rank() == 4, "the input has the shape ", x,
         ", expected [batch, sequence, hidden] or [batch, heads, sequence, size]");
  const std::int64_t sequence = x.rank() == 4 ? x[2] : x[1];
  ValueId places = b.cast(inputs[1], DType::kInt64);
  if (b.shape(places).rank() == 1) {
    places = b.expand(b.add(counting(b, sequence, {1, sequence}), places), {x[0], sequence});
  }
  Attrs attrs{{"interleaved", node.attrs.get_int("interleaved", 0)},
              {"rotary_embedding_dim", node.attrs.get_int("rotary_embedding_dim", 0)}};
  if (x.rank() == 3) {
    const std::int64_t given_heads = node.attrs.get_int("num_heads", 0);
    const Shape table = b.shape(inputs[2]);
    expect(table.rank() == 2 && table[1] > 0, "the cosines have the shape ", table);
    attrs.set("num_heads", given_heads > 0 ? given_heads : x[2] / (2 * table[1]));
  }
  const ValueId y = b.op("RotaryEmbedding", {inputs[0], inputs[2], inputs[3], places}, attrs);
  const double scale = node.attrs.get_double("scale", 1);
  return {scale == 1 ? y : b.scale(y, scale)};
}

}  // namespace

void register_microsoft_attention(OpRegistry& ops) {
  add_composite(ops, "Attention", expand_attention_layer)
      .inputs(2, 7)
      .outputs(1, 2)
      .weight(1, "weight")
      .bias(2, "bias");
  add_composite(ops, "MultiHeadAttention", expand_multi_head_attention)
      .inputs(1, 10)
      .outputs(1, 4)
      .bias(3, "bias");
  add_composite(ops, "RotaryEmbedding", expand_rotary).inputs(4, 4);
}

}  // namespace temper::graph
