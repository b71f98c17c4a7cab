// RowNorm: each row, the elements from `axis` on, less its mean, over its deviation, times a scale
// and plus a bias of a row's shape: what the normalisations of ONNX are made of. `centred` = 0
// leaves the mean out. RowNormGrad gives the gradients of x, scale and bias from those and the
// gradients of the outputs; it takes the statistics from x anew, which costs less than to keep
// them.
#include "graph/ir/grad_context.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/normalise.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

constexpr double kEpsilon = 1e-5;
constexpr int kDy = 3;  // the input of RowNormGrad behind those of RowNorm

bool is_centred(const Attrs& attrs) { return attrs.get_int("centred", 1) != 0; }

// The axes made positive, and scale and bias of a row's shape.
void check_rows(InferContext& c) {
  require_float(c);
  c.axis("axis", -1, c.rank(0));
  c.attrs().set("epsilon", c.attrs().get_double("epsilon", kEpsilon));
  c.attrs().set("centred", c.attrs().get_int("centred", 1));
  c.require_same_dtype({0, 1, 2});
  const Shape row = row_shape(c.shape(0), c.attrs().get_int("axis", 0));
  for (const int i : {1, 2}) {
    c.check(!c.has_input(i) || c.shape(i) == row, "input ", i, " is not of a row's shape ", row);
  }
}

// One number for each row.
Shape statistics_shape(const InferContext& c, std::int64_t axis) {
  Shape shape = c.shape(0);
  for (int i = static_cast<int>(axis); i < shape.rank(); ++i) {
    shape[i] = 1;
  }
  return shape;
}

void infer_row_norm(InferContext& c) {
  check_rows(c);
  const Shape statistics = statistics_shape(c, c.attrs().get_int("axis", 0));
  const DType wide = size_of(c.dtype(0)) == 2 ? DType::kFloat32 : c.dtype(0);
  c.set_output(0, c.dtype(0), c.shape(0));
  c.set_output(1, wide, statistics);
  c.set_output(2, wide, statistics);
}

void infer_row_norm_grad(InferContext& c) {
  check_rows(c);
  const Shape statistics = statistics_shape(c, c.attrs().get_int("axis", 0));
  for (int i = kDy; i < c.input_count(); ++i) {
    const Shape& expected = i == kDy ? c.shape(0) : statistics;
    c.check(!c.has_input(i) || c.shape(i) == expected, "input ", i, " must have the shape ",
            expected);
  }
  for (const int i : {0, 1, 2}) {
    if (c.has_output(i)) {
      c.set_output(i, c.dtype(i), c.shape(i));
    }
  }
}

std::vector<ValueId> expand_row_norm(Builder& b, const Node& node,
                                     const std::vector<ValueId>& inputs) {
  const ValueId x = inputs[0];
  const std::vector<std::int64_t> axes =
      axes_between(static_cast<int>(node.attrs.get_int("axis", -1)), b.shape(x).rank());
  const double epsilon = node.attrs.get_double("epsilon", kEpsilon);
  Normalised made;
  if (is_centred(node.attrs)) {
    made = normalise(b, x, axes, epsilon);
  } else {
    made.inverse = inverse_root_mean_square(b, x, axes, epsilon);
    made.y = b.mul(x, made.inverse);
    made.mean = b.zeros_like(made.inverse);
  }
  const auto has = [&](std::size_t i) { return i < inputs.size() && inputs[i].valid(); };
  made.y = has(1) ? b.mul(made.y, inputs[1]) : made.y;
  made.y = has(2) ? b.add(made.y, inputs[2]) : made.y;
  return {made.y, made.mean, made.inverse};
}

// With h = (x - mean) * inverse and g = dy * scale, all means over a row of n elements:
// dx = inverse * (g - mean(g) - h * mean(g * h)) + (dmean - dinverse * inverse^2 * h) / n,
// without mean(g) and dmean where x is not centred;
// dscale = sum(dy * h),  dbias = sum(dy), over the rows
void row_norm_gradient(GradContext& g) {
  Builder& b = g.builder();
  const auto input = [&](int i) { return g.has_input(i) ? g.x(i) : ValueId{}; };
  const auto dy = [&](int i) { return g.has_dy(i) ? g.dy(i) : ValueId{}; };
  const std::vector<ValueId> made =
      b.ops("RowNormGrad",
            {g.x(0), input(1), input(2), g.has_dy(0) ? g.dy(0) : b.zeros_like(g.y()), dy(1), dy(2)},
            kDy, g.attrs(), {g.needs(0), g.needs(1), g.needs(2)});
  for (const int i : {0, 1, 2}) {
    if (g.needs(i)) {
      g.set(i, made[static_cast<std::size_t>(i)]);
    }
  }
}

}  // namespace

void register_row_norm(OpRegistry& ops) {
  constexpr PrecisionClass kWide = PrecisionClass::kFloat32;
  ops.add("RowNorm")
      .inputs(1, 3)
      .outputs(1, 3)
      .infer(infer_row_norm)
      .gradient(row_norm_gradient)
      .gradient_op("RowNormGrad")
      .expands(expand_row_norm)
      .internal()
      .precision(kWide);
  ops.add("RowNormGrad")
      .inputs(4, 6)
      .outputs(1, 3)
      .infer(infer_row_norm_grad)
      .backward_of("RowNorm")
      .internal()
      .precision(kWide);
}

}  // namespace temper::graph
