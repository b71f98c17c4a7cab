// Softmax: y = exp(x - max(x)) / sum(exp(x - max(x))) along `axis`; LogSoftmax: its logarithm. ONNX
// opsets 13 and later.
#include "graph/ir/grad_context.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_softmax(InferContext& c) {
  c.axis("axis", -1, c.rank(0));
  infer_float_unary(c);
}

// dx = y * (dy - sum(dy * y, axis))
void softmax_gradient(GradContext& g) {
  g.set(0, g.builder().op("SoftmaxGrad", {g.dy(), g.y()}, g.attrs()));
}

// dx = dy - exp(y) * sum(dy, axis)
void log_softmax_gradient(GradContext& g) {
  g.set(0, g.builder().op("LogSoftmaxGrad", {g.dy(), g.y()}, g.attrs()));
}

ValueId sum_along_axis(GradContext& g, ValueId value) {
  return g.builder().reduce_sum(value, {g.attrs().get_int("axis", -1)}, true);
}

// dx = y * (dy - sum(dy * y)), with the gradient e of dx:
// d(dy) = y * (e - sum(e * y)),  dy = e * (dy - sum(dy * y)) - dy * sum(e * y)
void softmax_grad_gradient(GradContext& g) {
  Builder& b = g.builder();
  const ValueId dy = g.x(0);
  const ValueId y = g.x(1);
  if (g.needs(0)) {
    g.set(0, b.op("SoftmaxGrad", {g.dy(), y}, g.attrs()));
  }
  if (g.needs(1)) {
    const ValueId centred = b.sub(dy, sum_along_axis(g, b.mul(dy, y)));
    g.set(1, b.sub(b.mul(g.dy(), centred), b.mul(dy, sum_along_axis(g, b.mul(g.dy(), y)))));
  }
}

// dx = dy - exp(y) * sum(dy):  d(dy) = e - sum(e * exp(y)),  dy = -e * exp(y) * sum(dy)
void log_softmax_grad_gradient(GradContext& g) {
  Builder& b = g.builder();
  const ValueId weighted = b.mul(g.dy(), b.op("Exp", {g.x(1)}));
  if (g.needs(0)) {
    g.set(0, b.sub(g.dy(), sum_along_axis(g, weighted)));
  }
  if (g.needs(1)) {
    g.set(1, b.neg(b.mul(weighted, sum_along_axis(g, g.x(0)))));
  }
}

}  // namespace

void register_softmax(OpRegistry& ops) {
  constexpr PrecisionClass kWide = PrecisionClass::kFloat32;
  ops.add("Softmax").infer(infer_softmax).gradient(softmax_gradient).precision(kWide);
  ops.add("LogSoftmax").infer(infer_softmax).gradient(log_softmax_gradient).precision(kWide);
  ops.add("SoftmaxGrad")
      .inputs(2, 2)
      .infer(infer_softmax)
      .gradient(softmax_grad_gradient)
      .internal()
      .precision(kWide);
  ops.add("LogSoftmaxGrad")
      .inputs(2, 2)
      .infer(infer_softmax)
      .gradient(log_softmax_grad_gradient)
      .internal()
      .precision(kWide);
}

}  // namespace temper::graph
