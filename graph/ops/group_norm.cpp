// Normalisations of images [N, C, d...]: GroupNormalization, InstanceNormalization,
// MeanVarianceNormalization, LpNormalization and LRN.
#include <algorithm>

#include "graph/ir/node_draft.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/normalise.h"
#include "graph/ops/standard_ops.h"
#include "graph/ops/wide_expansion.h"

namespace temper::graph {
namespace {

constexpr double kEpsilon = 1e-5;

void check_vector(InferContext& c, int i, std::int64_t size) {
  c.check(c.shape(i) == Shape{size}, "input ", i, " has the shape ", c.shape(i), ", expected ",
          Shape{size}, " for the input ", c.shape(0));
}

void check_images(InferContext& c, int least_rank) {
  require_float(c);
  c.require_same_dtype({0, 1, 2});
  c.check(c.rank(0) >= least_rank, "the input has the shape ", c.shape(0),
          least_rank > 2 ? ", expected [N, C, d, ...]" : ", expected [N, C, ...]");
  c.attrs().set("epsilon", c.attrs().get_double("epsilon", kEpsilon));
}

void infer_group_normalization(InferContext& c) {
  check_images(c, 2);
  const std::int64_t channels = c.shape(0)[1];
  const std::int64_t groups = c.attrs().get_int("num_groups", 0);
  c.check(groups > 0 && channels % groups == 0, "num_groups is ", groups,
          ", which does not divide the ", channels, " channels of the input ", c.shape(0));
  const bool per_group = c.attrs().get_int("scale_per_group", 0) != 0;
  for (const int i : {1, 2}) {
    check_vector(c, i, per_group ? groups : channels);
  }
  c.set_output(0, c.dtype(0), c.shape(0));
}

ValueId normalise_rows(Builder& b, const Node& node, ValueId x, std::int64_t axis) {
  return b.op("RowNorm", {x},
              {{"axis", axis}, {"epsilon", node.attrs.get_double("epsilon", kEpsilon)}});
}

// y = (x - mean) / sqrt(variance + epsilon) * scale + bias, with the statistics of each sample's
// groups of channels
std::vector<ValueId> expand_group_normalization(Builder& b, const Node& node,
                                                const std::vector<ValueId>& inputs) {
  const Shape x = b.shape(inputs[0]);
  const std::int64_t groups = node.attrs.get_int("num_groups", 1);
  const Shape grouped{x[0], groups, x[1] / groups * x.count(2, x.rank())};
  const ValueId h = normalise_rows(b, node, b.reshape(inputs[0], grouped), 2);
  if (node.attrs.get_int("scale_per_group", 0) != 0) {
    const ValueId scaled = b.mul(h, per_channel(b, inputs[1], 3));
    return {b.reshape(b.add(scaled, per_channel(b, inputs[2], 3)), x)};
  }
  const ValueId scaled = b.mul(b.reshape(h, x), per_channel(b, inputs[1], x.rank()));
  return {b.add(scaled, per_channel(b, inputs[2], x.rank()))};
}

// Opset 18 has a scale and a bias for each group.
void upgrade_group_normalization(NodeDraft& d) {
  d.attrs.set("scale_per_group", std::int64_t{d.opset < 21});
}

void infer_instance_normalization(InferContext& c) {
  check_images(c, 3);
  for (const int i : {1, 2}) {
    check_vector(c, i, c.shape(0)[1]);
  }
  c.set_output(0, c.dtype(0), c.shape(0));
}

// The same with the statistics of each sample's channels
std::vector<ValueId> expand_instance_normalization(Builder& b, const Node& node,
                                                   const std::vector<ValueId>& inputs) {
  const int rank = b.shape(inputs[0]).rank();
  const ValueId h = normalise_rows(b, node, inputs[0], 2);
  return {b.add(b.mul(h, per_channel(b, inputs[1], rank)), per_channel(b, inputs[2], rank))};
}

void infer_mean_variance_normalization(InferContext& c) {
  require_float(c);
  c.attrs().set("axes", c.normalise_axes(c.attrs().get_ints("axes", {0, 2, 3}), c.rank(0)));
  infer_same_shape(c);
}

// y = (x - mean) / (sqrt(variance) + 1e-9)
std::vector<ValueId> expand_mean_variance_normalization(Builder& b, const Node& node,
                                                        const std::vector<ValueId>& inputs) {
  const std::vector<std::int64_t> axes = node.attrs.get_ints("axes");
  const ValueId centred = b.sub(inputs[0], mean_over(b, inputs[0], axes));
  const ValueId deviation = b.op("Sqrt", {mean_over(b, b.mul(centred, centred), axes)});
  return {b.div(centred, b.add(deviation, b.scalar(b.dtype(inputs[0]), 1e-9)))};
}

int batch_of_mean_variance(const BatchContext& c) {
  const std::vector<std::int64_t> axes = c.ints("axes");
  c.check(std::find(axes.begin(), axes.end(), c.data_axis()) == axes.end(),
          "normalises over the samples of a batch");
  return c.data_axis();
}

void infer_lp_normalization(InferContext& c) {
  c.axis("axis", -1, c.rank(0));
  const std::int64_t p = c.attrs().get_int("p", 2);
  c.check(p == 1 || p == 2, "p is ", p, ", expected 1 or 2");
  c.attrs().set("p", p);
  infer_float_unary(c);
}

// y = x / |x|_p along the axis, 0 where that is 0
std::vector<ValueId> expand_lp_normalization(Builder& b, const Node& node,
                                             const std::vector<ValueId>& inputs) {
  const ValueId x = inputs[0];
  const bool squares = node.attrs.get_int("p", 2) == 2;
  const ValueId parts = squares ? b.mul(x, x) : b.op("Abs", {x});
  const ValueId sum = b.reduce_sum(parts, {node.attrs.get_int("axis", -1)}, true);
  // Divided by 1 where the sum is 0, which gives 0 and keeps the gradient finite.
  const ValueId zero = b.scalar(b.dtype(x), 0);
  const ValueId safe = b.op("Where", {b.op("Equal", {sum, zero}), b.scalar(b.dtype(x), 1), sum});
  return {b.div(x, squares ? b.op("Sqrt", {safe}) : safe)};
}

int batch_of_lp_normalization(const BatchContext& c) {
  return batch_along_others(c, "normalises over the samples of a batch");
}

void infer_lrn(InferContext& c) {
  require_float(c);
  c.check(c.rank(0) >= 2, "the input has the shape ", c.shape(0), ", expected [N, C, ...]");
  Attrs& attrs = c.attrs();
  const std::int64_t size = attrs.get_int("size", 0);
  c.check(size > 0, "LRN has size ", size, ", expected the number of channels to sum over");
  attrs.set("alpha", attrs.get_double("alpha", 1e-4));
  attrs.set("beta", attrs.get_double("beta", 0.75));
  attrs.set("bias", attrs.get_double("bias", 1.0));
  infer_same_shape(c);
}

// y = x / (bias + alpha / size * s)^beta, where s is the sum of x^2 over `size` channels around
// each: alpha times an average over a window along the channels that counts what lies outside
std::vector<ValueId> expand_lrn(Builder& b, const Node& node, const std::vector<ValueId>& inputs) {
  const ValueId x = inputs[0];
  const Shape shape = b.shape(x);
  if (shape.element_count() == 0) {
    return {b.op("Identity", {x})};
  }
  const std::int64_t size = node.attrs.get_int("size", 1);
  const Shape rows{shape[0], 1, shape[1], shape.count(2, shape.rank())};
  const ValueId squares = b.reshape(b.mul(x, x), rows);
  const std::int64_t before = (size - 1) / 2;
  const ValueId mean = b.op("AveragePool", {squares},
                            {{"kernel_shape", std::vector<std::int64_t>{size, 1}},
                             {"pads", std::vector<std::int64_t>{before, 0, size - 1 - before, 0}},
                             {"count_include_pad", std::int64_t{1}}});
  const DType dtype = b.dtype(x);
  const ValueId base = b.add(b.scale(b.reshape(mean, shape), node.attrs.get_double("alpha", 1e-4)),
                             b.scalar(dtype, node.attrs.get_double("bias", 1)));
  return {b.mul(x, b.op("Pow", {base, b.scalar(dtype, -node.attrs.get_double("beta", 0.75))}))};
}

}  // namespace

void register_group_norm(OpRegistry& ops) {
  const auto add = [&](const char* name, InferFunction infer, ExpandFunction expand) -> OpDef& {
    return ops.add(name).infer(infer).expands(expand).expanded_in_plans();
  };
  add("GroupNormalization", infer_group_normalization, expand_wide<expand_group_normalization>)
      .since(21)
      .upgrade(upgrade_group_normalization)
      .batch(batch_of_images)
      .inputs(3, 3)
      .weight(1, "scale")
      .weight(2, "bias")
      .precision(PrecisionClass::kFloat32);
  add("InstanceNormalization", infer_instance_normalization,
      expand_wide<expand_instance_normalization>)
      .batch(batch_of_images)
      .inputs(3, 3)
      .weight(1, "scale")
      .weight(2, "bias")
      .computes(Arithmetic::kNormalise);
  add("MeanVarianceNormalization", infer_mean_variance_normalization,
      expand_wide<expand_mean_variance_normalization>)
      .batch(batch_of_mean_variance)
      .computes(Arithmetic::kNormalise);
  add("LpNormalization", infer_lp_normalization, expand_wide<expand_lp_normalization>)
      .batch(batch_of_lp_normalization)
      .computes(Arithmetic::kNormalise);
  add("LRN", infer_lrn, expand_wide<expand_lrn>).batch(batch_of_images);
}

}  // namespace temper::graph
