// ReduceSum, ReduceMean, ReduceMax, ReduceMin over `axes`. After infer, axes lists every reduced
// axis.
#include <algorithm>

#include "graph/ir/grad_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_reduce(InferContext& c) {
  const Shape input = c.shape(0);
  std::vector<std::int64_t> axes =
      c.normalise_axes(c.take_ints("axes", 1).value_or(std::vector<std::int64_t>{}), input.rank());
  if (axes.empty() && c.attrs().get_int("noop_with_empty_axes", 0) == 0) {
    for (int axis = 0; axis < input.rank(); ++axis) {
      axes.push_back(axis);
    }
  }
  const bool keep = c.attrs().get_int("keepdims", 1) != 0;
  Shape output;
  for (int axis = 0; axis < input.rank(); ++axis) {
    if (!std::binary_search(axes.begin(), axes.end(), axis)) {
      output.push_back(input[axis]);
    } else if (keep) {
      output.push_back(1);
    }
  }
  // Explicit from here on, so that inferring again changes nothing.
  c.attrs().set("axes", std::move(axes));
  c.attrs().set("keepdims", std::int64_t{keep});
  c.attrs().set("noop_with_empty_axes", std::int64_t{1});
  c.set_output(0, c.dtype(0), output);
}

void infer_reduce_number(InferContext& c) {
  require_number(c);
  infer_reduce(c);
}

void infer_reduce_extremum(InferContext& c) {
  c.check(c.dtype(0) == DType::kBool || is_integer(c.dtype(0)) || is_float(c.dtype(0)),
          "input 0 must be a number or bool, but is ", c.dtype(0));
  infer_reduce(c);
}

// The input's shape with every reduced axis 1.
Shape kept_shape(const GradContext& g) {
  Shape shape = g.shape(g.x(0));
  for (const std::int64_t axis : g.attrs().get_ints("axes")) {
    shape[static_cast<int>(axis)] = 1;
  }
  return shape;
}

// dy, repeated over the reduced axes
ValueId spread(GradContext& g, ValueId value) {
  const Shape input = g.shape(g.x(0));
  const Shape kept = kept_shape(g);
  return g.builder().expand(g.builder().reshape(value, kept), input);
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

int batch_of_reduction(const BatchContext& c) { return c.without(c.ints("axes")); }

// The axes are an input from opset `kInputSince` on; an attribute of that name means nothing
// afterwards.
template <std::int64_t kInputSince>
void upgrade_reduce(NodeDraft& d) {
  if (d.opset >= kInputSince) {
    d.attrs.erase("axes");
  } else {
    d.attrs.erase("noop_with_empty_axes");
  }
}

}  // namespace

void register_reduce(OpRegistry& ops) {
  constexpr PrecisionClass kWide = PrecisionClass::kFloat32;
  const auto add = [&](const char* name) -> OpDef& {
    return ops.add(name).inputs(1, 2).absorbs({1}).batch(batch_of_reduction);
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
