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

std::vector<std::int64_t> normalised_axes(Builder& b, const Node& node, ValueId x) {
  return axes_between(static_cast<int>(node.attrs.get_int("axis", -1)), b.shape(x).rank());
}

// y = (x - mean) / sqrt(variance + epsilon) * scale + bias
std::vector<ValueId> expand_layer_normalization(Builder& b, const Node& node,
                                                const std::vector<ValueId>& inputs) {
  const Normalised made = normalise(b, inputs[0], normalised_axes(b, node, inputs[0]),
                                    node.attrs.get_double("epsilon", 1e-5));
  ValueId y = b.mul(made.y, inputs[1]);
  if (inputs.size() > 2 && inputs[2].valid()) {
    y = b.add(y, inputs[2]);
  }
  return {y, made.mean, made.inverse};
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
  const ValueId inverse = inverse_root_mean_square(b, x, normalised_axes(b, node, x),
                                                   node.attrs.get_double("epsilon", 1e-5));
  return {b.mul(b.cast(b.mul(x, inverse), type), inputs[1])};
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
      .batch(batch_before_axis)
      .inputs(2, 2)
      .weight(1, "scale")
      .infer(infer_rms_normalization)
      .expands(expand_wide<expand_rms_normalization>)
      .expanded_in_plans()
      .precision(PrecisionClass::kFloat32);
}

}  // namespace temper::graph
