// RotaryEmbedding: pairs of features of each head are rotated by the angle of their position.
#include <algorithm>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"
#include "graph/ops/wide_expansion.h"

namespace temper::graph {
namespace {

struct Heads {
  std::int64_t batch, sequence, heads, size;
  bool in_front;  // [batch, heads, sequence, size], else [batch, sequence, heads * size]
};

Heads heads_of(const Shape& x, const Attrs& attrs) {
  if (x.rank() == 4) {
    return {x[0], x[2], x[1], x[3], true};
  }
  const std::int64_t heads = std::max<std::int64_t>(attrs.get_int("num_heads", 0), 1);
  return {x[0], x[1], heads, x[2] / heads, false};
}

void infer_rotary_embedding(InferContext& c) {
  require_float(c);
  c.require_same_dtype({0, 1, 2});
  const Shape x = c.shape(0);
  c.check(x.rank() == 3 || x.rank() == 4, "the input has the shape ", x,
          ", expected [batch, sequence, hidden] or [batch, heads, sequence, size]");
  Attrs& attrs = c.attrs();
  const std::int64_t given = attrs.get_int("num_heads", 0);
  c.check(x.rank() == 4 || (given > 0 && x[2] % given == 0), "num_heads is ", given,
          ", expected a divisor of the ", x[x.rank() - 1], " features of the input ", x);
  const Heads h = heads_of(x, attrs);
  const std::int64_t asked = attrs.get_int("rotary_embedding_dim", 0);
  const std::int64_t rotated = asked == 0 ? h.size : asked;
  c.check(rotated > 0 && rotated <= h.size && rotated % 2 == 0, "RotaryEmbedding rotates ", rotated,
          " of the ", h.size, " features of a head, expected an even number of them");
  attrs.set("rotary_embedding_dim", rotated);
  attrs.set("interleaved", std::int64_t{attrs.get_int("interleaved", 0) != 0});
  const bool by_position = c.has_input(3);
  if (by_position) {
    c.check(c.dtype(3) == DType::kInt64 && c.shape(3) == Shape{h.batch, h.sequence},
            "position_ids are ", c.dtype(3), " ", c.shape(3), ", expected i64 ",
            Shape{h.batch, h.sequence});
  }
  for (const int i : {1, 2}) {
    const Shape cache = c.shape(i);
    const bool fits = by_position ? cache.rank() == 2 && cache[1] == rotated / 2
                                  : cache == Shape{h.batch, h.sequence, rotated / 2};
    c.check(fits, "input ", i, " has the shape ", cache, ", expected ",
            by_position ? "[positions, " : concat("[", h.batch, ", ", h.sequence, ", "),
            rotated / 2, "] for the input ", x);
  }
  c.set_output(0, c.dtype(0), x);
}

ValueId joined(Builder& b, std::vector<ValueId> parts) {
  return b.op("Concat", std::move(parts), {{"axis", std::int64_t{-1}}});
}

// (x1, x2) -> (cos x1 - sin x2, sin x1 + cos x2), where the pairs are neighbours (interleaved) or
// lie half the rotated features apart
std::vector<ValueId> expand_rotary_embedding(Builder& b, const Node& node,
                                             const std::vector<ValueId>& inputs) {
  const Shape shape = b.shape(inputs[0]);
  const Heads h = heads_of(shape, node.attrs);
  const std::int64_t rotated = node.attrs.get_int("rotary_embedding_dim", h.size);
  const std::int64_t half = rotated / 2;
  const bool interleaved = node.attrs.get_int("interleaved", 0) != 0;
  const ValueId x =
      h.in_front ? inputs[0] : b.reshape(inputs[0], {h.batch, h.sequence, h.heads, h.size});
  const auto features = [&](std::int64_t start, std::int64_t end, std::int64_t step = 1) {
    return b.slice(x, b.shape(x).rank() - 1, start, end, step);
  };
  const auto angles = [&](ValueId cache) {
    if (inputs.size() > 3 && inputs[3].valid()) {
      cache = b.op("Gather", {cache, inputs[3]}, {{"axis", std::int64_t{0}}});
    }
    return b.reshape(cache, h.in_front ? Shape{h.batch, 1, h.sequence, half}
                                       : Shape{h.batch, h.sequence, 1, half});
  };
  const ValueId cosine = angles(inputs[1]);
  const ValueId sine = angles(inputs[2]);
  const ValueId x1 = interleaved ? features(0, rotated, 2) : features(0, half);
  const ValueId x2 = interleaved ? features(1, rotated, 2) : features(half, rotated);
  ValueId real = b.sub(b.mul(cosine, x1), b.mul(sine, x2));
  ValueId imaginary = b.add(b.mul(sine, x1), b.mul(cosine, x2));
  Shape turned = b.shape(x);
  turned[3] = rotated;
  if (interleaved) {
    Shape single = b.shape(real);
    single.push_back(1);
    real = b.reshape(real, single);
    imaginary = b.reshape(imaginary, single);
  }
  ValueId y = b.reshape(joined(b, {real, imaginary}), turned);
  if (rotated < h.size) {
    y = joined(b, {y, features(rotated, h.size)});
  }
  return {b.reshape(y, shape)};
}

int batch_of_rotary_embedding(const BatchContext& c) {
  for (int i = 0; i < c.input_count(); ++i) {
    const bool table = (i == 1 || i == 2) && c.shape(i).rank() == 2;
    c.check(!c.axis(i) || (*c.axis(i) == 0 && !table), "takes the batch along another axis than 0");
  }
  return 0;
}

}  // namespace

void register_rotary_embedding(OpRegistry& ops) {
  ops.add("RotaryEmbedding")
      .since(23)
      .batch(batch_of_rotary_embedding)
      .inputs(3, 4)
      .infer(infer_rotary_embedding)
      .expands(expand_wide<expand_rotary_embedding>)
      .expanded_in_plans();
}

}  // namespace temper::graph
