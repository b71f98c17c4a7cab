// Normalisations of com.microsoft with the sums and look-ups that onnxruntime fuses into them:
// SkipLayerNormalization, SkipSimplifiedLayerNormalization, EmbedLayerNormalization; and
// SimplifiedLayerNormalization, which it writes as an op of ONNX.
#include "graph/ops/composite.h"

namespace temper::graph {
namespace {

Attrs norm_attrs(const Node& node, double epsilon) {
  return {{"axis", node.attrs.get_int("axis", -1)},
          {"epsilon", node.attrs.get_double("epsilon", epsilon)}};
}

// y = rms_norm(x) * scale
std::vector<ValueId> expand_simplified(Builder& b, const Node& node,
                                       const std::vector<ValueId>& inputs) {
  return {b.op("RMSNormalization", inputs, norm_attrs(node, 1e-5))};
}

// s = x + skip + bias;  y = norm(s) * scale + shift; outputs y, -, -, s
std::vector<ValueId> skip_norm(Builder& b, const Node& node, const std::vector<ValueId>& inputs,
                               const char* norm, std::size_t bias) {
  ValueId sum = b.add(inputs[0], inputs[1]);
  if (given(inputs, bias).valid()) {
    sum = b.add(sum, inputs[bias]);
  }
  std::vector<ValueId> own{sum, inputs[2]};
  if (bias == 4 && given(inputs, 3).valid()) {
    own.push_back(inputs[3]);
  }
  return {b.op(norm, std::move(own), norm_attrs(node, 1e-12)), {}, {}, sum};
}

std::vector<ValueId> expand_skip_norm(Builder& b, const Node& node,
                                      const std::vector<ValueId>& inputs) {
  return skip_norm(b, node, inputs, "LayerNormalization", 4);
}

std::vector<ValueId> expand_skip_simplified(Builder& b, const Node& node,
                                            const std::vector<ValueId>& inputs) {
  return skip_norm(b, node, inputs, "RMSNormalization", 3);
}

enum EmbedInput {
  kWords,
  kSegments,
  kWordTable,
  kPositionTable,
  kSegmentTable,
  kScale,
  kShift,
  kMask,
  kPositions
};

// y = layer_norm(words[ids] + positions[0..] + segments[segment ids]); outputs y, the number of
// tokens that the mask keeps, and the sum.
std::vector<ValueId> expand_embed_norm(Builder& b, const Node& node,
                                       const std::vector<ValueId>& inputs) {
  const auto rows = [&](int table, ValueId ids) {
    return b.op("Gather", {inputs[static_cast<std::size_t>(table)], ids},
                {{"axis", std::int64_t{0}}});
  };
  const Shape ids = b.shape(inputs[kWords]);
  expect(ids.rank() == 2, "the ids have the shape ", ids, ", expected [batch, sequence]");
  const Shape table = b.shape(inputs[kPositionTable]);
  expect(table.rank() == 2 && table[0] >= ids[1], "the table of positions has the shape ", table,
         ", expected at least the ", ids[1], " rows of the sequence");
  const ValueId places = given(inputs, kPositions);
  ValueId sum = b.add(rows(kWordTable, inputs[kWords]),
                      places.valid() ? rows(kPositionTable, places)
                                     : b.slice(inputs[kPositionTable], 0, 0, ids[1]));
  if (given(inputs, kSegmentTable).valid()) {
    expect(inputs[kSegments].valid(), "there is a table of segments, but no segment ids");
    sum = b.add(sum, rows(kSegmentTable, inputs[kSegments]));
  }
  const ValueId y =
      b.op("LayerNormalization", {sum, inputs[kScale], inputs[kShift]}, norm_attrs(node, 1e-12));
  const ValueId mask = given(inputs, kMask);
  const ValueId kept = mask.valid() ? b.reduce_sum(b.cast(mask, DType::kInt32), {1}, false)
                                    : b.expand(b.scalar(DType::kInt32, 0), {ids[0]});
  return {y, kept, sum};
}

int batch_of_embed_norm(const BatchContext& c) {
  for (const int table : {kWordTable, kPositionTable, kSegmentTable, kScale, kShift}) {
    c.check(!c.axis(table), "looks up rows of the batch");
  }
  return batch_of_composite(c);
}

}  // namespace

void register_fused_norm(OpRegistry& ops) {
  add_composite(ops, "SimplifiedLayerNormalization", expand_simplified)
      .imported_as("SimplifiedLayerNormalization")
      .inputs(2, 2)
      .weight(1, "scale")
      .computes(Arithmetic::kNormalise);
  add_composite(ops, "SkipLayerNormalization", expand_skip_norm)
      .inputs(3, 5)
      .outputs(1, 4)
      .bias(1, "skip")
      .weight(2, "scale")
      .weight(3, "bias")
      .bias(4, "bias");
  add_composite(ops, "SkipSimplifiedLayerNormalization", expand_skip_simplified)
      .inputs(3, 4)
      .outputs(1, 4)
      .bias(1, "skip")
      .weight(2, "scale")
      .bias(3, "bias");
  add_composite(ops, "EmbedLayerNormalization", expand_embed_norm)
      .inputs(7, 9)
      .outputs(1, 3)
      .batch(batch_of_embed_norm)
      .weight(kWordTable, "embedding table")
      .weight(kPositionTable, "embedding table of positions")
      .weight(kSegmentTable, "embedding table of segments")
      .weight(kScale, "scale")
      .weight(kShift, "bias");
}

}  // namespace temper::graph
