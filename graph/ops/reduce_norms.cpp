// Reductions made of a sum and elementwise ops: ReduceL1, ReduceL2, ReduceSumSquare, ReduceLogSum,
// ReduceLogSumExp; and ReduceProd. Integers whose formula leaves them (roots, logarithms) are
// computed in double and converted back.
#include <limits>

#include "graph/ops/reduction_rules.h"
#include "graph/ops/standard_ops.h"
#include "graph/ops/wide_expansion.h"

namespace temper::graph {
namespace {

ValueId reduced(Builder& b, const char* op, const Node& node, ValueId x) {
  return b.op(op, {x}, node.attrs);
}

// `kExpand` in double where the input is an integer.
template <ExpandFunction kExpand>
std::vector<ValueId> expand_in_double(Builder& b, const Node& node,
                                      const std::vector<ValueId>& inputs) {
  std::vector<ValueId> wide = inputs;
  if (is_integer(b.dtype(inputs[0]))) {
    wide[0] = b.cast(inputs[0], DType::kFloat64);
  }
  return kExpand(b, node, wide);
}

// y = sum |x|
std::vector<ValueId> expand_l1(Builder& b, const Node& node, const std::vector<ValueId>& inputs) {
  return {reduced(b, "ReduceSum", node, b.op("Abs", {inputs[0]}))};
}

// y = sum x^2
std::vector<ValueId> expand_sum_square(Builder& b, const Node& node,
                                       const std::vector<ValueId>& inputs) {
  return {reduced(b, "ReduceSum", node, b.mul(inputs[0], inputs[0]))};
}

// y = sqrt(sum x^2)
std::vector<ValueId> expand_l2(Builder& b, const Node& node, const std::vector<ValueId>& inputs) {
  return {b.op("Sqrt", expand_sum_square(b, node, inputs))};
}

// dx = dy x / y, 0 where y = 0 (PyTorch)
void l2_gradient(GradContext& g) {
  Builder& b = g.builder();
  const DType dtype = b.dtype(g.y());
  const ValueId zero = b.scalar(dtype, 0);
  const ValueId vanishes = b.op("Equal", {g.y(), zero});
  const ValueId safe = b.op("Where", {vanishes, b.scalar(dtype, 1), g.y()});
  const ValueId share = b.op("Where", {vanishes, zero, b.div(g.dy(), safe)});
  g.set(0, b.mul(g.x(0), spread(g, share)));
}

// y = log(sum x)
std::vector<ValueId> expand_log_sum(Builder& b, const Node& node,
                                    const std::vector<ValueId>& inputs) {
  return {b.op("Log", {reduced(b, "ReduceSum", node, inputs[0])})};
}

// Infinite values as 0: subtracting those would give inf - inf.
ValueId finite_or_zero(Builder& b, ValueId x) {
  const DType dtype = b.dtype(x);
  const ValueId infinity = b.scalar(dtype, std::numeric_limits<double>::infinity());
  return b.op("Where", {b.op("Equal", {b.op("Abs", {x}), infinity}), b.scalar(dtype, 0), x});
}

// y = m + log(sum exp(x - m)) with m = max x
std::vector<ValueId> expand_log_sum_exp(Builder& b, const Node& node,
                                        const std::vector<ValueId>& inputs) {
  const ValueId x = inputs[0];
  Attrs keeping = node.attrs;
  keeping.set("keepdims", std::int64_t{1});
  const ValueId m = finite_or_zero(b, b.op("ReduceMax", {x}, keeping));
  const ValueId sum = b.op("ReduceSum", {b.op("Exp", {b.sub(x, m)})}, keeping);
  const ValueId y = b.add(b.op("Log", {sum}), m);
  return {b.reshape(y, b.shape(node.outputs[0]))};
}

// dx = dy exp(x - y)
void log_sum_exp_gradient(GradContext& g) {
  Builder& b = g.builder();
  const ValueId y = spread(g, finite_or_zero(b, g.y()));
  g.set(0, b.mul(spread(g, g.dy()), b.op("Exp", {b.sub(g.x(0), y)})));
}

// y = the product of x. dx_i = dy times the product of the others, which zeros do not disturb: the
// gradient is that of a tree of products of halves, which ones fill up.
std::vector<ValueId> expand_prod(Builder& b, const Node& node, const std::vector<ValueId>& inputs) {
  const Shape x = b.shape(inputs[0]);
  const Shape y = b.shape(node.outputs[0]);
  const std::vector<std::int64_t> axes = node.attrs.get_ints("axes");
  std::vector<std::int64_t> perm;
  std::int64_t count = 1;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (!std::binary_search(axes.begin(), axes.end(), axis)) {
      perm.push_back(axis);
    }
  }
  for (const std::int64_t axis : axes) {
    perm.push_back(axis);
    count *= x[static_cast<int>(axis)];
  }
  const std::int64_t outer = y.element_count();
  ValueId rows = inputs[0];
  if (x.rank() > 1) {
    rows = b.transpose(rows, perm);
  }
  rows = b.reshape(rows, {outer, count});
  std::int64_t width = 1;
  while (width < count) {
    width *= 2;
  }
  if (width > count) {
    const ValueId ones = b.expand(b.scalar(b.dtype(rows), 1), {outer, width - count});
    rows = b.op("Concat", {rows, ones}, {{"axis", std::int64_t{1}}});
  }
  while (width > 1) {
    width /= 2;
    const std::vector<ValueId> halves =
        b.ops("Split", {rows}, 2,
              {{"axis", std::int64_t{1}}, {"split", std::vector<std::int64_t>{width, width}}});
    rows = b.mul(halves[0], halves[1]);
  }
  return {b.reshape(rows, y)};
}

}  // namespace

void register_reduce_norms(OpRegistry& ops) {
  const auto add = [&](const char* name, ExpandFunction expand) -> OpDef& {
    return ops.add(name)
        .inputs(1, 2)
        .absorbs({1})
        .writes(1, "axes", InputForm::kIntegers)
        .batch(batch_of_reduction)
        .upgrade(upgrade_reduce<18>)
        .infer(infer_reduce_number)
        .expands(expand);
  };
  add("ReduceL1", expand_wide<expand_l1>).expanded_in_plans();
  add("ReduceSumSquare", expand_wide<expand_sum_square>)
      .expanded_in_plans()
      .computes(Arithmetic::kMean);
  add("ReduceL2", expand_wide<expand_in_double<expand_l2>>)
      .expanded_in_plans()
      .computes(Arithmetic::kLength)
      .gradient(l2_gradient)
      .precision(PrecisionClass::kFloat32);
  add("ReduceLogSum", expand_wide<expand_in_double<expand_log_sum>>).expanded_in_plans();
  add("ReduceLogSumExp", expand_wide<expand_in_double<expand_log_sum_exp>>)
      .expanded_in_plans()
      .gradient(log_sum_exp_gradient)
      .precision(PrecisionClass::kFloat32);
  add("ReduceProd", expand_wide<expand_prod>).precision(PrecisionClass::kFloat32);
}

}  // namespace temper::graph
