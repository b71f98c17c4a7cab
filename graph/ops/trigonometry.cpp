// Sin, Cos, Tan, Sinh, Cosh and the inverses Asin, Acos, Atan, Asinh, Acosh, Atanh.
#include "graph/ir/grad_context.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

// dx = dy * f(x)
template <const char* kSlope>
void times_slope(GradContext& g) {
  g.set(0, g.builder().mul(g.dy(), g.builder().op(kSlope, {g.x(0)})));
}

constexpr char kCos[] = "Cos";
constexpr char kSinh[] = "Sinh";
constexpr char kCosh[] = "Cosh";

// y = cos(x);  dx = -dy * sin(x)
void cos_gradient(GradContext& g) {
  Builder& b = g.builder();
  g.set(0, b.neg(b.mul(g.dy(), b.op("Sin", {g.x(0)}))));
}

ValueId one_like(GradContext& g, ValueId v) { return g.builder().scalar(g.dtype(v), 1); }

// y = tan(x);  dx = dy * (1 + y^2)
void tan_gradient(GradContext& g) {
  Builder& b = g.builder();
  g.set(0, b.mul(g.dy(), b.add(one_like(g, g.y()), b.mul(g.y(), g.y()))));
}

// (1 - x) (1 + x): 1 - x^2 without its rounding near 1
ValueId one_less_square(GradContext& g) {
  Builder& b = g.builder();
  const ValueId one = one_like(g, g.x(0));
  return b.mul(b.sub(one, g.x(0)), b.add(one, g.x(0)));
}

// y = asin(x);  dx = dy / sqrt(1 - x^2)
void asin_gradient(GradContext& g) {
  g.set(0, g.builder().div(g.dy(), g.builder().op("Sqrt", {one_less_square(g)})));
}

// y = acos(x);  dx = -dy / sqrt(1 - x^2)
void acos_gradient(GradContext& g) {
  Builder& b = g.builder();
  g.set(0, b.neg(b.div(g.dy(), b.op("Sqrt", {one_less_square(g)}))));
}

// 1 + x^2
ValueId one_and_square(GradContext& g) {
  return g.builder().add(one_like(g, g.x(0)), g.builder().mul(g.x(0), g.x(0)));
}

// y = atan(x);  dx = dy / (1 + x^2)
void atan_gradient(GradContext& g) { g.set(0, g.builder().div(g.dy(), one_and_square(g))); }

// y = asinh(x);  dx = dy / sqrt(1 + x^2)
void asinh_gradient(GradContext& g) {
  g.set(0, g.builder().div(g.dy(), g.builder().op("Sqrt", {one_and_square(g)})));
}

// y = acosh(x);  dx = dy / sqrt(x^2 - 1)
void acosh_gradient(GradContext& g) {
  Builder& b = g.builder();
  const ValueId one = one_like(g, g.x(0));
  const ValueId square = b.mul(b.sub(g.x(0), one), b.add(g.x(0), one));
  g.set(0, b.div(g.dy(), b.op("Sqrt", {square})));
}

// y = atanh(x);  dx = dy / (1 - x^2)
void atanh_gradient(GradContext& g) { g.set(0, g.builder().div(g.dy(), one_less_square(g))); }

}  // namespace

void register_trigonometry(OpRegistry& ops) {
  struct Row {
    const char* name;
    GradFunction gradient;
    PrecisionClass precision = PrecisionClass::kFollowInputs;
  };
  constexpr PrecisionClass kWide = PrecisionClass::kFloat32;
  for (const Row& row : {
           Row{"Sin", times_slope<kCos>},
           Row{"Cos", cos_gradient},
           Row{"Tan", tan_gradient, kWide},
           Row{"Asin", asin_gradient, kWide},
           Row{"Acos", acos_gradient, kWide},
           Row{"Atan", atan_gradient},
           Row{"Sinh", times_slope<kCosh>, kWide},
           Row{"Cosh", times_slope<kSinh>, kWide},
           Row{"Asinh", asinh_gradient},
           Row{"Acosh", acosh_gradient},
           Row{"Atanh", atanh_gradient},
       }) {
    ops.add(row.name)
        .batch(batch_elementwise)
        .infer(infer_float_unary)
        .gradient(row.gradient)
        .precision(row.precision);
  }
}

}  // namespace temper::graph
