// LpPool and GlobalLpPool: y = (sum |x|^p)^(1/p) over a window, or over all of space.
#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/op_registry.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/normalise.h"
#include "graph/ops/pool_rules.h"
#include "graph/ops/wide_expansion.h"

namespace temper::graph {
namespace {

void check_order(InferContext& c) {
  require_float(c);
  const std::int64_t p = c.attrs().get_int("p", 2);
  c.check(p > 0, "p is ", p, ", expected 1 or more");
  c.attrs().set("p", p);
}

void infer_lp_pool(InferContext& c) {
  check_order(c);
  c.set_output(0, c.dtype(0), pool_output(c, c.shape(0)));
}

void infer_global_lp_pool(InferContext& c) {
  check_order(c);
  infer_global_pool(c);
}

// |x|^p
ValueId power_of(Builder& b, ValueId x, std::int64_t p) {
  if (p == 1) {
    return b.op("Abs", {x});
  }
  if (p == 2) {
    return b.mul(x, x);
  }
  return b.op("Pow", {b.op("Abs", {x}), b.scalar(b.dtype(x), static_cast<double>(p))});
}

// s^(1/p). Its slope at 0 is taken as 0: there is none.
ValueId root_of(Builder& b, ValueId s, std::int64_t p) {
  if (p == 1) {
    return s;
  }
  const DType dtype = b.dtype(s);
  const ValueId zero = b.scalar(dtype, 0);
  const ValueId vanishes = b.op("Equal", {s, zero});
  const ValueId safe = b.op("Where", {vanishes, b.scalar(dtype, 1), s});
  const ValueId root = p == 2 ? b.op("Sqrt", {safe})
                              : b.op("Pow", {safe, b.scalar(dtype, 1.0 / static_cast<double>(p))});
  return b.op("Where", {vanishes, zero, root});
}

// The sum over a window is its average, padding counted, times its elements. Padding stands in the
// tensor, so that a window which hangs over the end (ceil_mode) counts as many.
std::vector<ValueId> expand_lp_pool(Builder& b, const Node& node,
                                    const std::vector<ValueId>& inputs) {
  const std::int64_t p = node.attrs.get_int("p", 2);
  const Shape x = b.shape(inputs[0]);
  const Shape y = b.shape(node.outputs[0]);
  const auto rank = static_cast<std::size_t>(x.rank());
  const std::vector<std::int64_t> kernel = node.attrs.get_ints("kernel_shape");
  const std::vector<std::int64_t> strides = node.attrs.get_ints("strides");
  const std::vector<std::int64_t> dilations = node.attrs.get_ints("dilations");
  const std::vector<std::int64_t> given = node.attrs.get_ints("pads");
  std::vector<std::int64_t> pads(2 * rank, 0);
  double elements = 1;
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    const int axis = static_cast<int>(i) + 2;
    const std::int64_t reach = (y[axis] - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1;
    pads[i + 2] = given[i];
    pads[i + 2 + rank] = reach - given[i] - x[axis];
    elements *= static_cast<double>(kernel[i]);
  }
  const ValueId padded = b.op("Pad", {power_of(b, inputs[0], p)}, {{"pads", pads}});
  const ValueId mean =
      b.op("AveragePool", {padded},
           {{"kernel_shape", kernel}, {"strides", strides}, {"dilations", dilations}});
  return {root_of(b, b.scale(mean, elements), p)};
}

std::vector<ValueId> expand_global_lp_pool(Builder& b, const Node& node,
                                           const std::vector<ValueId>& inputs) {
  const std::int64_t p = node.attrs.get_int("p", 2);
  const ValueId sum =
      b.reduce_sum(power_of(b, inputs[0], p), axes_between(2, b.shape(inputs[0]).rank()), true);
  return {root_of(b, sum, p)};
}

}  // namespace

void register_lp_pool(OpRegistry& ops) {
  ops.add("LpPool")
      .batch(batch_of_images)
      .infer(infer_lp_pool)
      .expands(expand_wide<expand_lp_pool>)
      .expanded_in_plans();
  ops.add("GlobalLpPool")
      .batch(batch_of_images)
      .infer(infer_global_lp_pool)
      .expands(expand_wide<expand_global_lp_pool>)
      .expanded_in_plans();
}

}  // namespace temper::graph
