// ReduceSum, ReduceMean, ReduceMax, ReduceMin over `axes`.
#include "graph/ops/reduction_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_reduce_extremum(InferContext& c) {
  c.check(c.dtype(0) == DType::kBool || is_integer(c.dtype(0)) || is_float(c.dtype(0)),
          "input 0 must be a number or bool, but is ", c.dtype(0));
  infer_reduce(c);
}

// y = sum(x);  dx = dy
void reduce_sum_gradient(GradContext& g) { g.set(0, spread(g, g.dy())); }

// y = sum(x) / n;  dx = dy / n
void reduce_mean_gradient(GradContext& g) {
  const std::int64_t inputs = g.shape(g.x(0)).element_count();
  const std::int64_t outputs = g.shape(g.y()).element_count();
  const double n = outputs == 0 ? 1 : static_cast<double>(inputs) / static_cast<double>(outputs);
  g.set(0, spread(g, n == 0 ? g.dy() : g.builder().scale(g.dy(), 1 / n)));
}

// y = max(x);  dx = dy shared evenly among the elements equal to y
void reduce_extremum_gradient(GradContext& g) {
  Builder& b = g.builder();
  const Shape kept = kept_shape(g);
  const std::vector<std::int64_t> axes = g.attrs().get_ints("axes");
  const ValueId equal = b.op("Equal", {g.x(0), b.reshape(g.y(), kept)});
  const ValueId mask = b.cast(equal, b.dtype(g.dy()));
  const ValueId dy = b.reshape(g.dy(), kept);
  if (axes.empty()) {
    g.set(0, b.mul(mask, dy));
    return;
  }
  const ValueId count = b.reduce_sum(mask, axes, true);
  g.set(0, b.mul(mask, b.div(dy, count)));
}

}  // namespace

void register_reduce(OpRegistry& ops) {
  constexpr PrecisionClass kWide = PrecisionClass::kFloat32;
  const auto add = [&](const char* name) -> OpDef& {
    return ops.add(name)
        .inputs(1, 2)
        .absorbs({1})
        .writes(1, "axes", InputForm::kIntegers)
        .batch(batch_of_reduction);
  };
  add("ReduceSum")
      .upgrade(upgrade_reduce<13>)
      .computes(Arithmetic::kMean)
      .infer(infer_reduce_number)
      .gradient(reduce_sum_gradient)
      .precision(kWide);
  add("ReduceMean")
      .upgrade(upgrade_reduce<18>)
      .computes(Arithmetic::kMean)
      .infer(infer_reduce_number)
      .gradient(reduce_mean_gradient);
  add("ReduceMax")
      .upgrade(upgrade_reduce<18>)
      .infer(infer_reduce_extremum)
      .gradient(reduce_extremum_gradient);
  add("ReduceMin")
      .upgrade(upgrade_reduce<18>)
      .infer(infer_reduce_extremum)
      .gradient(reduce_extremum_gradient);
}

}  // namespace temper::graph
