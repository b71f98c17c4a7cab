// Add, Sub, Mul, Div (broadcasting), Neg, Abs, Sign.
#include "graph/ir/grad_context.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

// y = a + b;  da = dy,  db = dy
void add_gradient(GradContext& g) {
  for (const int i : {0, 1}) {
    if (g.needs(i)) {
      g.set(i, g.dy());
    }
  }
}

// y = a - b;  da = dy,  db = -dy
void sub_gradient(GradContext& g) {
  if (g.needs(0)) {
    g.set(0, g.dy());
  }
  if (g.needs(1)) {
    g.set(1, g.builder().neg(g.dy()));
  }
}

// y = a * b;  da = dy * b,  db = dy * a
void mul_gradient(GradContext& g) {
  if (g.needs(0)) {
    g.set(0, g.builder().mul(g.dy(), g.x(1)));
  }
  if (g.needs(1)) {
    g.set(1, g.builder().mul(g.dy(), g.x(0)));
  }
}

// y = a / b;  da = dy / b,  db = -(dy / b) * y
void div_gradient(GradContext& g) {
  const ValueId da = g.builder().div(g.dy(), g.x(1));
  if (g.needs(0)) {
    g.set(0, da);
  }
  if (g.needs(1)) {
    g.set(1, g.builder().neg(g.builder().mul(da, g.y())));
  }
}

// y = -x;  dx = -dy
void neg_gradient(GradContext& g) { g.set(0, g.builder().neg(g.dy())); }

// y = |x|;  dx = dy * sign(x), 0 at 0
void abs_gradient(GradContext& g) {
  g.set(0, g.builder().mul(g.dy(), g.builder().op("Sign", {g.x(0)})));
}

// Constant between its jumps: dx = 0
void sign_gradient(GradContext& g) { g.set(0, g.builder().zeros_like(g.x(0))); }

}  // namespace

void register_arithmetic(OpRegistry& ops) {
  ops.add("Add")
      .batch(batch_elementwise)
      .computes(Arithmetic::kAdd)
      .inputs(2, 2)
      .infer(infer_number_broadcast)
      .gradient(add_gradient)
      .elementwise(plain_functor<Functor::kAdd>);
  ops.add("Sub")
      .batch(batch_elementwise)
      .computes(Arithmetic::kSubtract)
      .inputs(2, 2)
      .infer(infer_number_broadcast)
      .gradient(sub_gradient)
      .elementwise(plain_functor<Functor::kSub>);
  ops.add("Mul")
      .batch(batch_elementwise)
      .computes(Arithmetic::kMultiply)
      .inputs(2, 2)
      .infer(infer_number_broadcast)
      .gradient(mul_gradient)
      .elementwise(plain_functor<Functor::kMul>);
  ops.add("Div")
      .batch(batch_elementwise)
      .computes(Arithmetic::kDivide)
      .inputs(2, 2)
      .infer(infer_number_broadcast)
      .gradient(div_gradient)
      .elementwise(plain_functor<Functor::kDiv>);
  ops.add("Neg")
      .batch(batch_elementwise)
      .computes(Arithmetic::kSign)
      .infer(infer_number_unary)
      .gradient(neg_gradient)
      .elementwise(plain_functor<Functor::kNeg>);
  ops.add("Abs")
      .batch(batch_elementwise)
      .computes(Arithmetic::kSign)
      .infer(infer_number_unary)
      .gradient(abs_gradient)
      .elementwise(plain_functor<Functor::kAbs>);
  ops.add("Sign")
      .batch(batch_elementwise)
      .infer(infer_number_unary)
      .gradient(sign_gradient)
      .elementwise(plain_functor<Functor::kSign>);
}

}  // namespace temper::graph
