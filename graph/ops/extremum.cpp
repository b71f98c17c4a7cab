// Max, Min (any number of inputs, broadcasting) and Clip.
#include <cmath>
#include <limits>

#include "graph/ir/grad_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

// y = max(..max(x0, x1).., xn), folded from the left; each pair shares a tie half and half.
void extremum_gradient(GradContext& g, const char* op, const char* grad_op) {
  Builder& b = g.builder();
  const int count = g.input_count();
  std::vector<ValueId> folded{g.x(0)};  // folded[i] = max(x0, .., xi)
  for (int i = 1; i < count; ++i) {
    folded.push_back(i + 1 == count ? g.y() : b.op(op, {folded.back(), g.x(i)}));
  }
  ValueId dy = g.dy();
  for (int i = count - 1; i >= 1; --i) {
    const ValueId left = folded[static_cast<std::size_t>(i - 1)];
    if (g.needs(i)) {
      g.set(i, b.op(grad_op, {dy, g.x(i), left}));
    }
    dy = b.op(grad_op, {dy, left, g.x(i)});
  }
  if (g.needs(0)) {
    g.set(0, dy);
  }
}

void max_gradient(GradContext& g) { extremum_gradient(g, "Max", "MaxGrad"); }
void min_gradient(GradContext& g) { extremum_gradient(g, "Min", "MinGrad"); }

// Constant bounds become the attributes `min` and `max`, others stay inputs `first` and `first`
// + 1.
void take_bounds(InferContext& c, int first) {
  c.take_number("min", first, true);
  c.take_number("max", first + 1, true);
  for (const int i : {first, first + 1}) {
    if (c.has_input(i)) {
      c.require_same_dtype({0, i});
      c.check(c.shape(i).element_count() == 1, "bound ", i, " must be a scalar, but has the shape ",
              c.shape(i));
    }
  }
}

void infer_clip(InferContext& c) {
  require_number(c);
  take_bounds(c, 1);
  c.set_output(0, c.dtype(0), c.shape(0));
}

void infer_clip_grad(InferContext& c) {
  c.require_same_dtype({0, 1});
  c.check(c.shape(0) == c.shape(1), "dy and y must have one shape, but are ", c.shape(0), " and ",
          c.shape(1));
  take_bounds(c, 2);
  c.set_output(0, c.dtype(1), c.shape(1));
}

// y = min(max(x, low), high);  dx = dy where low < x < high, which is where low < y < high. The
// bounds are not differentiable (ONNX).
void clip_gradient(GradContext& g) {
  if (!g.needs(0)) {
    return;
  }
  std::vector<ValueId> inputs{g.dy(), g.y()};
  for (int i = 1; i < g.input_count(); ++i) {
    inputs.push_back(g.x(i));
  }
  g.set(0, g.builder().op(g.node().op->gradient_op_name, inputs, g.attrs()));
}

// dx = dy * mask(the other inputs):  d(dy) = e * mask; the mask is constant between its jumps
void masked_gradient(GradContext& g) {
  if (!g.needs(0)) {
    return;
  }
  std::vector<ValueId> inputs{g.dy()};
  for (int i = 1; i < g.input_count(); ++i) {
    inputs.push_back(g.x(i));
  }
  g.set(0, g.builder().op(g.node().op->name(), std::move(inputs), g.attrs()));
}

// dx = dy, half of it at a tie, nothing where x is the less (the greater)
template <bool kGreater>
std::vector<ValueId> write_extremum_grad(Builder& b, const Node&, const std::vector<ValueId>& in) {
  const ValueId loses = b.op(kGreater ? "Less" : "Greater", {in[1], in[2]});
  const ValueId ties = b.op("Equal", {in[1], in[2]});
  const ValueId alone = b.op("Where", {loses, b.scalar(b.dtype(in[0]), 0), in[0]});
  return {b.op("Where", {ties, b.scale(in[0], 0.5), alone})};
}

std::vector<ValueId> write_clip_grad(Builder& b, const Node& node, const std::vector<ValueId>& in) {
  const DType dtype = b.dtype(in[1]);
  ValueId dx = in[0];
  const auto bound = [&](std::size_t i, const char* name, const char* passes) {
    ValueId limit = i < in.size() && in[i].valid() ? in[i] : ValueId{};
    if (!limit.valid() && node.attrs.has(name)) {
      limit = b.scalar(dtype, node.attrs.get_double(name, 0));
    }
    if (limit.valid()) {
      dx = b.op("Where", {b.op(passes, {in[1], limit}), dx, b.scalar(dtype, 0)});
    }
  };
  bound(2, "min", "Greater");
  bound(3, "max", "Less");
  return {dx};
}

// Up to opset 10 the bounds are attributes whose defaults are the largest floats: no bound at all.
void upgrade_clip(NodeDraft& d) {
  if (d.opset >= 11) {
    return;
  }
  constexpr double kLargest = std::numeric_limits<float>::max();
  if (d.attrs.get_double("min", -kLargest) <= -kLargest) {
    d.attrs.erase("min");
  }
  if (d.attrs.get_double("max", kLargest) >= kLargest) {
    d.attrs.erase("max");
  }
}

// Constant bounds that are no NaN; others are inputs, of which the functor has none.
template <Functor kFunctor>
std::optional<FunctorCall> clip_functor(const Attrs& attrs) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const FunctorCall call{kFunctor, attrs.get_double("min", -kInfinity),
                         attrs.get_double("max", kInfinity)};
  return std::isnan(call.p) || std::isnan(call.q) ? std::nullopt : std::optional(call);
}

}  // namespace

void register_extremum(OpRegistry& ops) {
  ops.add("Max")
      .batch(batch_elementwise)
      .computes(Arithmetic::kExtremum)
      .inputs(1, -1)
      .infer(infer_number_broadcast)
      .gradient(max_gradient)
      .elementwise(plain_functor<Functor::kMax>);
  ops.add("Min")
      .batch(batch_elementwise)
      .computes(Arithmetic::kExtremum)
      .inputs(1, -1)
      .infer(infer_number_broadcast)
      .gradient(min_gradient)
      .elementwise(plain_functor<Functor::kMin>);
  ops.add("MaxGrad")
      .inputs(3, 3)
      .infer(infer_broadcast)
      .gradient(masked_gradient)
      .elementwise(plain_functor<Functor::kMaxGrad>)
      .standard(write_extremum_grad<true>)
      .internal();
  ops.add("MinGrad")
      .inputs(3, 3)
      .infer(infer_broadcast)
      .gradient(masked_gradient)
      .elementwise(plain_functor<Functor::kMinGrad>)
      .standard(write_extremum_grad<false>)
      .internal();
  ops.add("Clip")
      .upgrade(upgrade_clip)
      .batch(batch_elementwise)
      .computes(Arithmetic::kClip)
      .activates(Activation::kOther)
      .inputs(1, 3)
      .absorbs({1, 2})
      .writes(1, "min", InputForm::kNumber)
      .writes(2, "max", InputForm::kNumber)
      .infer(infer_clip)
      .gradient(clip_gradient)
      .gradient_op("ClipGrad")
      .elementwise(clip_functor<Functor::kClip>);
  ops.add("ClipGrad")
      .inputs(2, 4)
      .absorbs({2, 3})
      .infer(infer_clip_grad)
      .gradient(masked_gradient)
      .elementwise(clip_functor<Functor::kClipGrad>)
      .standard(write_clip_grad)
      .internal();
}

}  // namespace temper::graph
