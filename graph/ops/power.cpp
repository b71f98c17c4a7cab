// Pow (broadcasting; the exponent may be of another number type), Sqrt, Exp, Log, Reciprocal, Erf.
#include <cmath>
#include <numbers>

#include "graph/ir/grad_context.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_pow(InferContext& c) {
  require_number(c, 0);
  require_number(c, 1);
  c.set_output(0, c.dtype(0), broadcast_inputs(c));
}

// The exponent, when it is one constant number.
const Tensor* constant_exponent(const GradContext& g, Builder& builder) {
  const Value& exponent = builder.graph().value(g.x(1));
  const bool is_scalar =
      exponent.kind == ValueKind::kConstant && exponent.constant.element_count() == 1;
  return is_scalar ? &exponent.constant : nullptr;
}

// y = x^e;  dx = dy * e * x^(e - 1), 0 where e = 0
ValueId pow_base_gradient(GradContext& g) {
  Builder& b = g.builder();
  const DType dtype = b.dtype(g.x(0));
  if (const Tensor* constant = constant_exponent(g, b)) {
    const double e = constant->values<double>().front();
    if (e == 0) {
      return b.zeros_like(g.y());
    }
    if (e == 1) {
      return g.dy();
    }
    const ValueId power = e == 2 ? g.x(0) : b.op("Pow", {g.x(0), b.scalar(dtype, e - 1)});
    return b.mul(g.dy(), b.scale(power, e));
  }
  const ValueId e = b.cast(g.x(1), dtype);
  const ValueId power = b.op("Pow", {g.x(0), b.sub(e, b.scalar(dtype, 1))});
  const ValueId zero = b.scalar(dtype, 0);
  return b.op("Where", {b.op("Equal", {e, zero}), zero, b.mul(g.dy(), b.mul(e, power))});
}

// y = x^e;  de = dy * y * log(x), 0 where x = 0 and e >= 0 (PyTorch)
ValueId pow_exponent_gradient(GradContext& g) {
  Builder& b = g.builder();
  const DType dtype = b.dtype(g.x(0));
  const ValueId e = g.x(1);
  const ValueId zero = b.scalar(dtype, 0);
  const ValueId vanishes = b.op(
      "And", {b.op("Equal", {g.x(0), zero}), b.op("GreaterOrEqual", {e, b.scalar(b.dtype(e), 0)})});
  const ValueId product = b.mul(g.dy(), b.mul(g.y(), b.op("Log", {g.x(0)})));
  return b.cast(b.op("Where", {vanishes, zero, product}), b.dtype(e));
}

void pow_gradient(GradContext& g) {
  if (g.needs(0)) {
    g.set(0, pow_base_gradient(g));
  }
  if (g.needs(1)) {
    g.set(1, pow_exponent_gradient(g));
  }
}

// y = sqrt(x);  dx = dy / (2 y)
void sqrt_gradient(GradContext& g) {
  g.set(0, g.builder().div(g.dy(), g.builder().scale(g.y(), 2)));
}

// y = exp(x);  dx = dy * y
void exp_gradient(GradContext& g) { g.set(0, g.builder().mul(g.dy(), g.y())); }

// y = log(x);  dx = dy / x
void log_gradient(GradContext& g) { g.set(0, g.builder().div(g.dy(), g.x(0))); }

// y = 1 / x;  dx = -dy * y^2
void reciprocal_gradient(GradContext& g) {
  Builder& b = g.builder();
  g.set(0, b.neg(b.mul(g.dy(), b.mul(g.y(), g.y()))));
}

// y = erf(x);  dx = dy * 2 / sqrt(pi) * exp(-x^2)
void erf_gradient(GradContext& g) { g.set(0, g.builder().op("ErfGrad", {g.dy(), g.x(0)})); }

// dx = dy * f'(x), f' = 2 / sqrt(pi) * exp(-x^2), f'' = -2 x f':
// d(dy) = e * f'(x),  dx = e * dy * f''(x)
void erf_grad_gradient(GradContext& g) {
  Builder& b = g.builder();
  if (g.needs(0)) {
    g.set(0, b.op("ErfGrad", {g.dy(), g.x(1)}));
  }
  if (g.needs(1)) {
    const ValueId slope = b.op("ErfGrad", {b.mul(g.dy(), g.x(0)), g.x(1)});
    g.set(1, b.mul(slope, b.scale(g.x(1), -2)));
  }
}

std::vector<ValueId> write_erf_grad(Builder& b, const Node&, const std::vector<ValueId>& inputs) {
  const ValueId x = inputs[1];
  const ValueId gauss = b.op("Exp", {b.neg(b.mul(x, x))});
  return {b.mul(inputs[0], b.scale(gauss, 2 / std::sqrt(std::numbers::pi)))};
}

}  // namespace

void register_power(OpRegistry& ops) {
  constexpr PrecisionClass kWide = PrecisionClass::kFloat32;
  ops.add("Pow")
      .batch(batch_elementwise)
      .computes(Arithmetic::kPower)
      .inputs(2, 2)
      .infer(infer_pow)
      .gradient(pow_gradient)
      .elementwise(plain_functor<Functor::kPow>)
      .precision(kWide);
  ops.add("Sqrt")
      .batch(batch_elementwise)
      .computes(Arithmetic::kRoot)
      .infer(infer_float_unary)
      .gradient(sqrt_gradient)
      .elementwise(plain_functor<Functor::kSqrt>);
  ops.add("Exp")
      .batch(batch_elementwise)
      .computes(Arithmetic::kPower)
      .infer(infer_float_unary)
      .gradient(exp_gradient)
      .elementwise(plain_functor<Functor::kExp>)
      .precision(kWide);
  ops.add("Log")
      .batch(batch_elementwise)
      .computes(Arithmetic::kLogarithm)
      .infer(infer_float_unary)
      .gradient(log_gradient)
      .elementwise(plain_functor<Functor::kLog>)
      .precision(kWide);
  ops.add("Reciprocal")
      .batch(batch_elementwise)
      .computes(Arithmetic::kInverse)
      .infer(infer_float_unary)
      .gradient(reciprocal_gradient)
      .elementwise(plain_functor<Functor::kReciprocal>)
      .precision(kWide);
  // Not in PyTorch's lists, but exporters spell GELU with it, whose 1 + erf(x) must not be rounded
  // to 16 bits (PyTorch's own GELU computes inside in float).
  ops.add("Erf")
      .batch(batch_elementwise)
      .infer(infer_float_unary)
      .gradient(erf_gradient)
      .elementwise(plain_functor<Functor::kErf>)
      .precision(kWide);
  ops.add("ErfGrad")
      .inputs(2, 2)
      .infer(infer_float_unary)
      .gradient(erf_grad_gradient)
      .standard(write_erf_grad)
      .elementwise(plain_functor<Functor::kErfGrad>)
      .internal();
}

}  // namespace temper::graph
