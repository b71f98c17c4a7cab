// Activations without a reduction: y = f(x) element by element, dx = <Name>Grad(dy, x or y). The
// formulas of f and of its derivative stand in backends/common/activations.h.
#include <array>
#include <numbers>
#include <string>

#include "graph/ir/grad_context.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

constexpr double kInverseSqrtTwoPi = 0.39894228040143267794;
constexpr double kSqrtTwoOverPi = 0.79788456080286535588;
constexpr double kGeluCubic = 0.044715;

// dx = f'(x) * dy, where f' is written in terms of x
void gradient_from_input(GradContext& g) {
  g.set(0, g.builder().op(g.node().op->gradient_op_name, {g.dy(), g.x(0)}, g.attrs()));
}

// The same in terms of y
void gradient_from_output(GradContext& g) {
  g.set(0, g.builder().op(g.node().op->gradient_op_name, {g.dy(), g.y()}, g.attrs()));
}

// y = max(x, 0);  dx = dy where y > 0
// Where dy comes from a maximum pooling of y, the gradient of what was pooled is masked in its
// place, which has fewer elements: a window's maximum passes where the pooled value is above 0. Not
// behind an op that masks its own gradient (fuse_relu).
void relu_gradient(GradContext& g) {
  const Graph& graph = g.builder().graph();
  const auto producer = [&](ValueId id) {
    const Value& value = graph.value(id);
    return value.kind == ValueKind::kNode ? &graph.node(value.producer) : nullptr;
  };
  const Node* const from = producer(g.x(0));
  const Node* const unpooled = producer(g.dy());
  if (unpooled == nullptr || unpooled->op->name() != "MaxPoolGrad" ||
      (from != nullptr && from->op->relu_mask_output >= 0)) {
    return gradient_from_output(g);
  }
  const ValueId dy = unpooled->inputs[0], saved = unpooled->inputs[1];
  const Node* const pool = producer(saved);
  if (pool == nullptr || pool->inputs[0] != g.y()) {
    return gradient_from_output(g);
  }
  const ValueId pooled = pool->outputs[0];
  const Attrs attrs = unpooled->attrs;
  const ValueId masked = g.builder().op("ReluGrad", {dy, pooled}, g.attrs());
  g.set(0, g.builder().op("MaxPoolGrad", {masked, saved}, attrs));
}

// Second order: dx = dy * f'(v), where v is x or y, so with the gradient e of dx
//   d(dy) = e * f'(v) = <Name>Grad(e, v),  dv = e * dy * f''(v)
// Each rule below gives e * dy * f''(v) from `product` = e * dy; none where f'' is 0 almost
// everywhere.
using SecondDerivative = ValueId (*)(GradContext& g, ValueId product, ValueId v);

template <SecondDerivative kSecond>
void grad_gradient(GradContext& g) {
  Builder& b = g.builder();
  if (g.needs(0)) {
    g.set(0, b.op(g.node().op->name(), {g.dy(), g.x(1)}, g.attrs()));
  }
  if constexpr (kSecond != nullptr) {
    if (g.needs(1)) {
      g.set(1, kSecond(g, b.mul(g.dy(), g.x(0)), g.x(1)));
    }
  }
}

// f' = y (1 - y):  1 - 2 y
ValueId sigmoid_second(GradContext& g, ValueId product, ValueId y) {
  Builder& b = g.builder();
  return b.mul(product, b.sub(b.scalar(b.dtype(y), 1), b.scale(y, 2)));
}

// f' = 1 - y^2:  -2 y
ValueId tanh_second(GradContext& g, ValueId product, ValueId y) {
  return g.builder().mul(product, g.builder().scale(y, -2));
}

// f' = s(x) with s the sigmoid:  s (1 - s)
ValueId softplus_second(GradContext& g, ValueId product, ValueId x) {
  Builder& b = g.builder();
  return b.op("SigmoidGrad", {product, b.op("Sigmoid", {x})});
}

// f' = gamma (x > 0 ? 1 : alpha exp(x)):  x > 0 ? 0 : gamma alpha exp(x)
ValueId exponential_second(GradContext& g, ValueId product, ValueId x) {
  Builder& b = g.builder();
  const ValueId zero = b.scalar(b.dtype(x), 0);
  const ValueId slope = b.op(g.node().op->name(), {product, x}, g.attrs());
  return b.op("Where", {b.op("Greater", {x, zero}), zero, slope});
}

// f' = x > 0 ? 1 : exp(x / alpha):  x > 0 ? 0 : exp(x / alpha) / alpha
ValueId celu_second(GradContext& g, ValueId product, ValueId x) {
  const double alpha = g.attrs().get_double("alpha", 1);
  return g.builder().scale(exponential_second(g, product, x), 1 / alpha);
}

// f' = x / 3 + 1 / 2 between -3 and 3:  1 / 3 there
ValueId hard_swish_second(GradContext& g, ValueId product, ValueId x) {
  Builder& b = g.builder();
  const DType dtype = b.dtype(x);
  const ValueId inside = b.op("Less", {b.op("Abs", {x}), b.scalar(dtype, 3)});
  return b.op("Where", {inside, b.scale(product, 1.0 / 3), b.scalar(dtype, 0)});
}

// f' = Phi + x phi with phi the normal density:  phi (2 - x^2)
ValueId gelu_exact_second(Builder& b, ValueId x) {
  const DType dtype = b.dtype(x);
  const ValueId square = b.mul(x, x);
  const ValueId density = b.scale(b.op("Exp", {b.scale(square, -0.5)}), kInverseSqrtTwoPi);
  return b.mul(density, b.sub(b.scalar(dtype, 2), square));
}

struct GeluTanh {
  ValueId one, t, u1;
};

// 1, t = tanh(u) and u' = k (1 + 3 c x^2) with u = k (x + c x^3)
GeluTanh gelu_tanh_parts(Builder& b, ValueId x) {
  const DType dtype = b.dtype(x);
  const ValueId one = b.scalar(dtype, 1);
  const ValueId square = b.mul(x, x);
  const ValueId u = b.scale(b.mul(x, b.add(one, b.scale(square, kGeluCubic))), kSqrtTwoOverPi);
  const ValueId t = b.op("Tanh", {u});
  const ValueId u1 = b.scale(b.add(one, b.scale(square, 3 * kGeluCubic)), kSqrtTwoOverPi);
  return {one, t, u1};
}

// f = x (1 + t) / 2, t = tanh(u), u = k (x + c x^3):  t' + x t'' / 2 with
// t' = (1 - t^2) u',  t'' = (1 - t^2) (u'' - 2 t u'^2),  u' = k (1 + 3 c x^2),  u'' = 6 k c x
ValueId gelu_tanh_second(Builder& b, ValueId x) {
  const auto [one, t, u1] = gelu_tanh_parts(b, x);
  const ValueId u2 = b.scale(x, 6 * kGeluCubic * kSqrtTwoOverPi);
  const ValueId bend = b.sub(u2, b.scale(b.mul(t, b.mul(u1, u1)), 2));
  return b.mul(b.sub(one, b.mul(t, t)), b.add(u1, b.scale(b.mul(x, bend), 0.5)));
}

ValueId gelu_second(GradContext& g, ValueId product, ValueId x) {
  const bool by_tanh = g.attrs().get_string("approximate", "none") == "tanh";
  Builder& b = g.builder();
  return b.mul(product, by_tanh ? gelu_tanh_second(b, x) : gelu_exact_second(b, x));
}

// The gradients in operators of the standard: dx from dy and v, which is x or y.
std::vector<ValueId> write_relu_grad(Builder& b, const Node&, const std::vector<ValueId>& in) {
  const ValueId zero = b.scalar(b.dtype(in[0]), 0);
  return {b.op("Where", {b.op("Greater", {in[1], zero}), in[0], zero})};
}

std::vector<ValueId> write_leaky_relu_grad(Builder& b, const Node& node,
                                           const std::vector<ValueId>& in) {
  const ValueId above = b.op("Greater", {in[1], b.scalar(b.dtype(in[1]), 0)});
  return {b.op("Where", {above, in[0], b.scale(in[0], node.attrs.get_double("alpha", 0.01))})};
}

std::vector<ValueId> write_sigmoid_grad(Builder& b, const Node&, const std::vector<ValueId>& in) {
  return {b.mul(b.mul(in[0], in[1]), b.sub(b.scalar(b.dtype(in[1]), 1), in[1]))};
}

std::vector<ValueId> write_tanh_grad(Builder& b, const Node&, const std::vector<ValueId>& in) {
  return {b.mul(in[0], b.sub(b.scalar(b.dtype(in[1]), 1), b.mul(in[1], in[1])))};
}

std::vector<ValueId> write_softplus_grad(Builder& b, const Node&, const std::vector<ValueId>& in) {
  return {b.mul(in[0], b.op("Sigmoid", {in[1]}))};
}

// Elu and Selu
std::vector<ValueId> write_exponential_grad(Builder& b, const Node& node,
                                            const std::vector<ValueId>& in) {
  const DType dtype = b.dtype(in[1]);
  const ValueId below = b.scale(b.op("Exp", {in[1]}), node.attrs.get_double("alpha", 1));
  const ValueId slope =
      b.op("Where", {b.op("Greater", {in[1], b.scalar(dtype, 0)}), b.scalar(dtype, 1), below});
  const double gamma = node.attrs.get_double("gamma", 1);
  return {b.mul(gamma == 1 ? in[0] : b.scale(in[0], gamma), slope)};
}

std::vector<ValueId> write_celu_grad(Builder& b, const Node& node, const std::vector<ValueId>& in) {
  const DType dtype = b.dtype(in[1]);
  const ValueId power = b.div(in[1], b.scalar(dtype, node.attrs.get_double("alpha", 1)));
  const ValueId below = b.mul(in[0], b.op("Exp", {power}));
  return {b.op("Where", {b.op("Greater", {in[1], b.scalar(dtype, 0)}), in[0], below})};
}

std::vector<ValueId> write_hard_sigmoid_grad(Builder& b, const Node& node,
                                             const std::vector<ValueId>& in) {
  const DType dtype = b.dtype(in[1]);
  const double alpha = node.attrs.get_double("alpha", 0.2);
  const ValueId zero = b.scalar(dtype, 0);
  const ValueId y =
      b.add(b.scale(in[1], alpha), b.scalar(dtype, node.attrs.get_double("beta", 0.5)));
  const ValueId inside =
      b.op("And", {b.op("Greater", {y, zero}), b.op("Less", {y, b.scalar(dtype, 1)})});
  return {b.op("Where", {inside, b.scale(in[0], alpha), zero})};
}

std::vector<ValueId> write_hard_swish_grad(Builder& b, const Node&,
                                           const std::vector<ValueId>& in) {
  const DType dtype = b.dtype(in[1]);
  const ValueId slope = b.add(b.div(in[1], b.scalar(dtype, 3)), b.scalar(dtype, 0.5));
  const ValueId below_three = b.op("Less", {in[1], b.scalar(dtype, 3)});
  const ValueId bent = b.op("Where", {below_three, b.mul(in[0], slope), in[0]});
  const ValueId off = b.op("LessOrEqual", {in[1], b.scalar(dtype, -3)});
  return {b.op("Where", {off, b.scalar(dtype, 0), bent})};
}

// Phi(x) + x phi(x)
ValueId gelu_exact_slope(Builder& b, ValueId x) {
  const DType dtype = b.dtype(x);
  const ValueId erf = b.op("Erf", {b.scale(x, std::numbers::sqrt2 / 2)});
  const ValueId share = b.scale(b.add(b.scalar(dtype, 1), erf), 0.5);
  const ValueId gauss = b.op("Exp", {b.scale(b.mul(x, x), -0.5)});
  return b.add(share, b.mul(x, b.scale(gauss, kInverseSqrtTwoPi)));
}

// (1 + t) / 2 + x (1 - t^2) u' / 2 with t and u as in gelu_tanh_second
ValueId gelu_tanh_slope(Builder& b, ValueId x) {
  const auto [one, t, u1] = gelu_tanh_parts(b, x);
  const ValueId bend = b.mul(b.mul(x, b.sub(one, b.mul(t, t))), u1);
  return b.scale(b.add(b.add(one, t), bend), 0.5);
}

std::vector<ValueId> write_gelu_grad(Builder& b, const Node& node, const std::vector<ValueId>& in) {
  const bool by_tanh = node.attrs.get_string("approximate", "none") == "tanh";
  return {b.mul(in[0], by_tanh ? gelu_tanh_slope(b, in[1]) : gelu_exact_slope(b, in[1]))};
}

void infer_with_defaults(InferContext& c,
                         std::initializer_list<std::pair<const char*, double>> defaults) {
  for (const auto& [name, value] : defaults) {
    c.attrs().set(name, c.attrs().get_double(name, value));
  }
  infer_float_unary(c);
}

void infer_leaky_relu(InferContext& c) { infer_with_defaults(c, {{"alpha", 0.01}}); }
void infer_elu(InferContext& c) { infer_with_defaults(c, {{"alpha", 1.0}}); }
void infer_celu(InferContext& c) {
  infer_elu(c);
  c.check(c.attrs().get_double("alpha", 1) != 0, "Celu divides by its alpha, which is 0");
}
void infer_hard_sigmoid(InferContext& c) {
  infer_with_defaults(c, {{"alpha", 0.2}, {"beta", 0.5}});
}
// ONNX's defaults, to the last bit of a float.
void infer_selu(InferContext& c) {
  infer_with_defaults(c,
                      {{"alpha", 1.67326319217681884765625}, {"gamma", 1.05070102214813232421875}});
}

void infer_gelu(InferContext& c) {
  const std::string approximate = c.attrs().get_string("approximate", "none");
  c.check(approximate == "none" || approximate == "tanh", "Gelu's approximate is \"", approximate,
          "\", expected \"none\" or \"tanh\"");
  c.attrs().set("approximate", approximate);
  infer_float_unary(c);
}

template <Functor kExact, Functor kTanh>
std::optional<FunctorCall> gelu_functor(const Attrs& attrs) {
  return FunctorCall{attrs.get_string("approximate", "none") == "tanh" ? kTanh : kExact};
}

// Elu is Selu without its factor.
template <Functor kFunctor>
std::optional<FunctorCall> selu_functor(const Attrs& attrs) {
  return FunctorCall{kFunctor, attrs.get_double("alpha", 1), attrs.get_double("gamma", 1)};
}

}  // namespace

void register_activation(OpRegistry& ops) {
  using F = Functor;
  struct Row {
    const char* name;
    InferFunction infer;
    GradFunction gradient;
    GradFunction second;
    FunctorFunction functor, functor_of_gradient;
    ExpandFunction standard;
    PrecisionClass precision = PrecisionClass::kFollowInputs;
    Activation activation = Activation::kOther;
  };
  constexpr GradFunction kPiecewiseLinear = grad_gradient<nullptr>;
  const std::array rows = {
      Row{"LeakyRelu", infer_leaky_relu, gradient_from_input, kPiecewiseLinear,
          alpha_functor<F::kLeakyRelu>, alpha_functor<F::kLeakyReluGrad>, write_leaky_relu_grad},
      Row{"Sigmoid", infer_float_unary, gradient_from_output, grad_gradient<sigmoid_second>,
          plain_functor<F::kSigmoid>, plain_functor<F::kSigmoidGrad>, write_sigmoid_grad,
          PrecisionClass::kFollowInputs, Activation::kSigmoid},
      Row{"Tanh", infer_float_unary, gradient_from_output, grad_gradient<tanh_second>,
          plain_functor<F::kTanh>, plain_functor<F::kTanhGrad>, write_tanh_grad,
          PrecisionClass::kFollowInputs, Activation::kTanh},
      Row{"Softplus", infer_float_unary, gradient_from_input, grad_gradient<softplus_second>,
          plain_functor<F::kSoftplus>, plain_functor<F::kSoftplusGrad>, write_softplus_grad,
          PrecisionClass::kFloat32},
      Row{"Elu", infer_elu, gradient_from_input, grad_gradient<exponential_second>,
          selu_functor<F::kSelu>, selu_functor<F::kSeluGrad>, write_exponential_grad},
      Row{"Selu", infer_selu, gradient_from_input, grad_gradient<exponential_second>,
          selu_functor<F::kSelu>, selu_functor<F::kSeluGrad>, write_exponential_grad},
      Row{"Celu", infer_celu, gradient_from_input, grad_gradient<celu_second>,
          alpha_functor<F::kCelu>, alpha_functor<F::kCeluGrad>, write_celu_grad},
      Row{"HardSigmoid", infer_hard_sigmoid, gradient_from_input, kPiecewiseLinear,
          alpha_beta_functor<F::kHardSigmoid>, alpha_beta_functor<F::kHardSigmoidGrad>,
          write_hard_sigmoid_grad},
      Row{"HardSwish", infer_float_unary, gradient_from_input, grad_gradient<hard_swish_second>,
          plain_functor<F::kHardSwish>, plain_functor<F::kHardSwishGrad>, write_hard_swish_grad},
      Row{"Gelu", infer_gelu, gradient_from_input, grad_gradient<gelu_second>,
          gelu_functor<F::kGelu, F::kGeluTanh>, gelu_functor<F::kGeluGrad, F::kGeluTanhGrad>,
          write_gelu_grad},
  };
  for (const Row& row : rows) {
    const std::string grad_op = row.name + std::string("Grad");
    ops.add(row.name)
        .batch(batch_elementwise)
        .infer(row.infer)
        .gradient(row.gradient)
        .gradient_op(grad_op)
        .precision(row.precision)
        .activates(row.activation)
        .elementwise(row.functor);
    ops.add(grad_op)
        .inputs(2, 2)
        .infer(row.infer)
        .gradient(row.second)
        .elementwise(row.functor_of_gradient)
        .standard(row.standard)
        .internal();
  }
  ops.add("Relu")
      .batch(batch_elementwise)
      .infer(infer_number_unary)
      .gradient(relu_gradient)
      .gradient_op("ReluGrad")
      .activates(Activation::kRelu)
      .elementwise(plain_functor<F::kRelu>);
  ops.add("ReluGrad")
      .inputs(2, 2)
      .infer(infer_float_unary)
      .gradient(kPiecewiseLinear)
      .elementwise(plain_functor<F::kReluGrad>)
      .standard(write_relu_grad)
      .internal();
}

}  // namespace temper::graph
