// CumSum and CumProd along one axis, from the front or (reverse) from the back, with the element
// itself or (exclusive) without.
#include "graph/ir/grad_context.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"
#include "graph/ops/wide_expansion.h"

namespace temper::graph {
namespace {

void infer_cumulative(InferContext& c) {
  require_number(c);
  const auto axis = c.take_number("axis", 1);
  c.check(axis.has_value(), c.node().op->name(), " has no axis");
  c.attrs().set("axis", static_cast<std::int64_t>(*axis));
  c.axis("axis", 0, c.rank(0));
  for (const char* flag : {"exclusive", "reverse"}) {
    c.attrs().set(flag, std::int64_t{c.attrs().get_int(flag, 0) != 0});
  }
  c.set_output(0, c.dtype(0), c.shape(0));
}

// y_i = sum of x_j, j <= i;  dx_j = sum of dy_i, i >= j
void cum_sum_gradient(GradContext& g) {
  Attrs attrs = g.attrs();
  attrs.set("reverse", 1 - attrs.get_int("reverse", 0));
  g.set(0, g.builder().op("CumSum", {g.dy()}, std::move(attrs)));
}

// x moved by `step` along the axis, towards its end (or its begin), ones where nothing comes from.
ValueId shifted(Builder& b, ValueId x, const Node& node, std::int64_t step) {
  const std::int64_t axis = node.attrs.get_int("axis", 0);
  const bool reverse = node.attrs.get_int("reverse", 0) != 0;
  Shape fill = b.shape(x);
  const std::int64_t length = fill[static_cast<int>(axis)];
  fill[static_cast<int>(axis)] = step;
  const ValueId ones = b.expand(b.scalar(b.dtype(x), 1), fill);
  const ValueId rest = b.slice(x, axis, reverse ? step : 0, reverse ? length : length - step);
  return b.op("Concat", reverse ? std::vector{rest, ones} : std::vector{ones, rest},
              {{"axis", axis}});
}

// y_i = product of x_j, j <= i. The gradient, which zeros do not disturb, is that of a scan: after
// step s each element holds the product of the 2 s elements up to it.
std::vector<ValueId> expand_cum_prod(Builder& b, const Node& node,
                                     const std::vector<ValueId>& inputs) {
  ValueId y = inputs[0];
  const std::int64_t length = b.shape(y)[static_cast<int>(node.attrs.get_int("axis", 0))];
  if (node.attrs.get_int("exclusive", 0) != 0 && length > 0) {
    y = shifted(b, y, node, 1);
  }
  for (std::int64_t step = 1; step < length; step *= 2) {
    y = b.mul(y, shifted(b, y, node, step));
  }
  return {y};
}

int batch_of_cumulative(const BatchContext& c) {
  return batch_along_others(c, "accumulates over the samples of a batch");
}

}  // namespace

void register_cumulative(OpRegistry& ops) {
  ops.add("CumSum")
      .inputs(1, 2)
      .absorbs({1})
      .writes(1, "axis", InputForm::kInteger)
      .batch(batch_of_cumulative)
      .infer(infer_cumulative)
      .gradient(cum_sum_gradient)
      .precision(PrecisionClass::kFloat32);
  ops.add("CumProd")
      .since(26)
      .inputs(1, 2)
      .absorbs({1})
      .writes(1, "axis", InputForm::kInteger)
      .batch(batch_of_cumulative)
      .infer(infer_cumulative)
      .expands(expand_wide<expand_cum_prod>);
}

}  // namespace temper::graph
