// LayerNormalization and RMSNormalization over all axes from `axis` on. Statistics are computed in
// float32 at least, whatever stash_type says.
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/normalise.h"
#include "graph/ops/standard_ops.h"
#include "graph/ops/wide_expansion.h"

namespace temper::graph {
namespace {

constexpr std::int64_t kStashFloat = 1;
constexpr std::int64_t kStashDouble = 11;

// The axes from `axis` on, all attributes written back.
void check_normalisation(InferContext& c) {
  require_float(c);
  c.axis("axis", -1, c.rank(0));
  Attrs& attrs = c.attrs();
  attrs.set("epsilon", attrs.get_double("epsilon", 1e-5));
  const std::int64_t stash = attrs.get_int("stash_type", kStashFloat);
  c.check(stash == kStashFloat || stash == 10 || stash == kStashDouble || stash == 16,
          "stash_type is ", stash,
          ", expected 1 (float), 10 (float16), 11 (double), 16 (bfloat16)");
  attrs.set("stash_type", stash);
}

void check_broadcasts(InferContext& c, int i) {
  c.check(c.rank(i) <= c.rank(0) && broadcast(c.shape(i), c.shape(0)) == c.shape(0), "input ", i,
          " of shape ", c.shape(i), " does not broadcast to ", c.shape(0));
}

void infer_layer_normalization(InferContext& c) {
  check_normalisation(c);
  c.require_same_dtype({0, 1, 2});
  check_broadcasts(c, 1);
  if (c.has_input(2)) {
    check_broadcasts(c, 2);
  }
  Shape statistics = c.shape(0);
  for (int axis = static_cast<int>(c.attrs().get_int("axis", 0)); axis < statistics.rank();
       ++axis) {
    statistics[axis] = 1;
  }
  const bool in_double = c.attrs().get_int("stash_type", kStashFloat) == kStashDouble;
  c.set_output(0, c.dtype(0), c.shape(0));
  for (const int i : {1, 2}) {
    c.set_output(i, in_double ? DType::kFloat64 : DType::kFloat32, statistics);
  }
}

bool is_row(const Shape& part, const Shape& row) {
  const int lead = part.rank() - row.rank();
  bool equal = lead >= 0;
  for (int i = 0; equal && i < part.rank(); ++i) {
    equal = part[i] == (i < lead ? 1 : row[i - lead]);
  }
  return equal;
}

// RowNorm of x [y, mean, inverse], its scale and bias inside where each has a row's elements, else
// behind it.
std::vector<ValueId> row_norm(Builder& b, const Node& node, const std::vector<ValueId>& inputs,
                              bool centred) {
  const Shape row = row_shape(b.shape(inputs[0]), node.attrs.get_int("axis", -1));
  const auto given = [&](std::size_t i) { return i < inputs.size() && inputs[i].valid(); };
  const bool inside =
      is_row(b.shape(inputs[1]), row) && (!given(2) || is_row(b.shape(inputs[2]), row));
  std::vector<ValueId> operands{inputs[0]};
  for (std::size_t i = 1; inside && i < inputs.size(); ++i) {
    const bool reshaped = given(i) && b.shape(inputs[i]) != row;
    operands.push_back(reshaped ? b.reshape(inputs[i], row) : inputs[i]);
  }
  std::vector<bool> wanted{true};
  for (std::size_t i = 1; i < 3; ++i) {
    wanted.push_back(i < node.outputs.size() && node.outputs[i].valid());
  }
  std::vector<ValueId> made = b.ops("RowNorm", operands, 3,
                                    {{"axis", node.attrs.get_int("axis", -1)},
                                     {"epsilon", node.attrs.get_double("epsilon", 1e-5)},
                                     {"centred", std::int64_t{centred}}},
                                    wanted);
  if (!inside) {
    made[0] = b.mul(made[0], inputs[1]);
    made[0] = given(2) ? b.add(made[0], inputs[2]) : made[0];
  }
  return made;
}

// y = (x - mean) / sqrt(variance + epsilon) * scale + bias
std::vector<ValueId> expand_layer_normalization(Builder& b, const Node& node,
                                                const std::vector<ValueId>& inputs) {
  return row_norm(b, node, inputs, true);
}

void infer_rms_normalization(InferContext& c) {
  check_normalisation(c);
  require_float(c, 1);
  check_broadcasts(c, 1);
  c.set_output(0, c.dtype(1), c.shape(0));
}

// y = x / sqrt(mean(x^2) + epsilon) * scale
std::vector<ValueId> expand_rms_normalization(Builder& b, const Node& node,
                                              const std::vector<ValueId>& inputs) {
  const DType type = b.dtype(inputs[1]);
  const bool widens = size_of(type) > size_of(b.dtype(inputs[0]));
  const ValueId x = widens ? b.cast(inputs[0], type) : inputs[0];
  return {b.cast(row_norm(b, node, {x, inputs[1]}, false)[0], type)};
}

int batch_before_axis(const BatchContext& c) {
  c.check(c.data_axis() < c.number("axis"), "normalises over the samples of a batch");
  return c.data_axis();
}

}  // namespace

void register_layer_norm(OpRegistry& ops) {
  ops.add("LayerNormalization")
      .batch(batch_before_axis)
      .inputs(2, 3)
      .outputs(1, 3)
      .weight(1, "scale")
      .weight(2, "bias")
      .infer(infer_layer_normalization)
      .expands(expand_wide<expand_layer_normalization>)
      .expanded_in_plans()
      .precision(PrecisionClass::kFloat32);
  ops.add("RMSNormalization")
      .since(23)
      .batch(batch_before_axis)
      .inputs(2, 2)
      .weight(1, "scale")
      .infer(infer_rms_normalization)
      .expands(expand_wide<expand_rms_normalization>)
      .expanded_in_plans()
      .precision(PrecisionClass::kFloat32);
}

}  // namespace temper::graph
