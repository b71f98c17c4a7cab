// Gradient clipping: the norm of several gradients together, the factor that scales them down, and
// clipping of each unit by the norm of its weights.
#include <cmath>
#include <numeric>

#include "graph/ir/builder.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"

namespace temper::graph {
namespace {

// norm_type as in torch.nn.utils.clip_grad_norm_; left out it is 2.
void check_norm_type(InferContext& c) {
  const double norm_type = c.attrs().get_double("norm_type", 2);
  TEMPER_CHECK(norm_type > 0, ErrorCode::kInvalidArgument, "norm_type is ", norm_type,
               ", expected a positive number or inf");
}

// With attribute scaled = 1 the last input is a scalar, not negative: the norm is that of the
// others times it, of gradients that are still to be unscaled.
void infer_global_norm(InferContext& c) {
  check_norm_type(c);
  const bool scaled = c.attrs().get_int("scaled", 0) != 0;
  c.check(!scaled || (c.input_count() > 1 && c.shape(c.input_count() - 1) == Shape{}),
          "the last of ", c.input_count(), " inputs must be a scalar beside the gradients");
  for (int i = 0; i < c.input_count(); ++i) {
    c.check(is_float(c.dtype(i)), "input ", i, " is ", c.dtype(i), ", expected a float type");
    c.require_same_dtype({0, i});
  }
  c.set_output(0, c.dtype(0), Shape{});
}

// Inputs: the norm; a factor that gradients still lack, with which the output is multiplied, may be
// left out.
void infer_clip_factor(InferContext& c) {
  c.check(c.shape(0) == Shape{}, "the norm has the shape ", c.shape(0), ", expected a scalar");
  if (c.has_input(1)) {
    c.require_same_dtype({0, 1});
    c.check(c.shape(1) == Shape{}, "the factor has the shape ", c.shape(1), ", expected a scalar");
  }
  const double max_norm = c.attrs().get_double("max_norm", 0);
  TEMPER_CHECK(max_norm > 0, ErrorCode::kInvalidArgument, "max_norm is ", max_norm,
               ", expected a positive number");
  c.attrs().set("max_norm", max_norm);
  c.set_output(0, c.dtype(0), Shape{});
}

// Inputs: gradient, parameter. `axis`: of the units; -1: the whole tensor is one.
void infer_adaptive_clip(InferContext& c) {
  check_norm_type(c);
  c.require_same_dtype({0, 1});
  c.check(is_float(c.dtype(0)), "the gradient is ", c.dtype(0), ", expected a float type");
  c.check(c.shape(0) == c.shape(1), "the gradient is ", c.shape(0), ", its parameter ", c.shape(1));
  Attrs& attrs = c.attrs();
  const std::int64_t axis = attrs.get_int("axis", -1);
  c.check(axis >= -1 && axis < c.rank(0), "axis is ", axis, ", the gradient has ", c.rank(0),
          " dimensions");
  attrs.set("axis", axis);
  for (const auto& [name, fallback] : {std::pair{"clip_factor", 0.01}, {"eps", 1e-3}}) {
    const double value = attrs.get_double(name, fallback);
    TEMPER_CHECK(value > 0, ErrorCode::kInvalidArgument, name, " is ", value,
                 ", expected a positive number");
    attrs.set(name, value);
  }
  c.set_output(0, c.dtype(0), c.shape(0));
}

// A p-norm in double, as kernels add: what its elements contribute, joined, then its root.
class WrittenNorm {
 public:
  WrittenNorm(Builder& b, const Node& node) : b_(b), type_(node.attrs.get_double("norm_type", 2)) {}

  // Over these axes of x.
  ValueId part(ValueId x, const std::vector<std::int64_t>& axes, bool keepdims) const {
    const ValueId wide = b_.cast(x, DType::kFloat64);
    ValueId made = type_ == 2 ? b_.mul(wide, wide) : b_.op("Abs", {wide});
    if (has_root() && type_ != 2) {
      made = b_.op("Pow", {made, b_.scalar(DType::kFloat64, type_)});
    }
    return axes.empty() ? made
                        : b_.op(largest() ? "ReduceMax" : "ReduceSum", {made},
                                {{"axes", axes}, {"keepdims", std::int64_t{keepdims}}});
  }
  ValueId join(ValueId a, ValueId b) const {
    return largest() ? b_.op("Max", {a, b}) : b_.add(a, b);
  }
  ValueId finish(ValueId joined) const {
    return type_ == 2   ? b_.op("Sqrt", {joined})
           : has_root() ? b_.op("Pow", {joined, b_.scalar(DType::kFloat64, 1 / type_)})
                        : joined;
  }

 private:
  bool largest() const { return std::isinf(type_); }
  bool has_root() const { return type_ != 1 && !largest(); }

  Builder& b_;
  double type_;
};

// The norm of all elements together, rounded once.
std::vector<ValueId> write_global_norm(Builder& b, const Node& node,
                                       const std::vector<ValueId>& inputs) {
  const bool scaled = node.attrs.get_int("scaled", 0) != 0;
  const DType type = b.dtype(inputs[0]);
  const WrittenNorm norm(b, node);
  ValueId total;
  for (std::size_t i = 0; i + (scaled ? 1 : 0) < inputs.size(); ++i) {
    std::vector<std::int64_t> axes(static_cast<std::size_t>(b.shape(inputs[i]).rank()));
    std::iota(axes.begin(), axes.end(), 0);
    const ValueId part = norm.part(inputs[i], axes, false);
    total = total.valid() ? norm.join(total, part) : part;
  }
  total = norm.finish(total);
  if (scaled) {
    total = b.mul(total, b.cast(inputs.back(), DType::kFloat64));
  }
  return {b.cast(total, type)};
}

// AdaptiveClip of backends/common/adaptive_clip.h.
std::vector<ValueId> write_adaptive_clip(Builder& b, const Node& node,
                                         const std::vector<ValueId>& inputs) {
  const auto number = [&](double value) { return b.scalar(DType::kFloat64, value); };
  const auto larger = [&](ValueId x, double least) {
    return b.op("Where", {b.op("Less", {x, number(least)}), number(least), x});
  };
  const std::int64_t units = node.attrs.get_int("axis", -1);
  std::vector<std::int64_t> axes;
  for (int axis = 0; axis < b.shape(inputs[0]).rank(); ++axis) {
    if (axis != units) {
      axes.push_back(axis);
    }
  }
  const WrittenNorm norm(b, node);
  const ValueId of_gradient = norm.finish(norm.part(inputs[0], axes, true));
  const ValueId of_parameter = norm.finish(norm.part(inputs[1], axes, true));
  const ValueId most = b.scale(larger(of_parameter, node.attrs.get_double("eps", 1e-3)),
                               node.attrs.get_double("clip_factor", 0.01));
  const ValueId factor = b.op("Where", {b.op("Less", {of_gradient, most}), number(1),
                                        b.div(most, larger(of_gradient, 1e-6))});
  const ValueId clipped = b.mul(b.cast(inputs[0], DType::kFloat64), factor);
  return {b.cast(clipped, b.dtype(inputs[0]))};
}

// min(1, max_norm / (norm + 1e-6)), rounded, times the second input; NaN stays NaN.
std::vector<ValueId> write_clip_factor(Builder& b, const Node& node,
                                       const std::vector<ValueId>& inputs) {
  const auto number = [&](double value) { return b.scalar(DType::kFloat64, value); };
  const ValueId norm = b.add(b.cast(inputs[0], DType::kFloat64), number(1e-6));
  const ValueId factor = b.div(number(node.attrs.get_double("max_norm", 1)), norm);
  const ValueId bounded = b.op("Where", {b.op("Greater", {factor, number(1)}), number(1), factor});
  const ValueId made = b.cast(bounded, b.dtype(inputs[0]));
  const bool is_scaled = inputs.size() > 1 && inputs[1].valid();
  return {is_scaled ? b.mul(made, inputs[1]) : made};
}

}  // namespace

void register_gradient_clip(OpRegistry& ops) {
  ops.add("GlobalNorm")
      .inputs(1, -1)
      .infer(infer_global_norm)
      .standard(write_global_norm)
      .no_gradient("it reads gradients: second derivatives are not supported")
      .precision(PrecisionClass::kFloat32)
      .internal();
  ops.add("AdaptiveClip")
      .inputs(2, 2)
      .infer(infer_adaptive_clip)
      .standard(write_adaptive_clip)
      .no_gradient("it reads gradients: second derivatives are not supported")
      .precision(PrecisionClass::kFloat32)
      .internal();
  ops.add("ClipFactor")
      .inputs(1, 2)
      .infer(infer_clip_factor)
      .standard(write_clip_factor)
      .no_gradient("it reads gradients: second derivatives are not supported")
      .precision(PrecisionClass::kFloat32)
      .internal();
}

}  // namespace temper::graph
