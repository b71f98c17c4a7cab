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

}  // namespace

void register_softmax(OpRegistry& ops) {
  constexpr PrecisionClass kWide = PrecisionClass::kFloat32;
  ops.add("Softmax").infer(infer_softmax).gradient(softmax_gradient).precision(kWide);
  ops.add("LogSoftmax").infer(infer_softmax).gradient(log_softmax_gradient).precision(kWide);
  ops.add("SoftmaxGrad").inputs(2, 2).infer(infer_softmax).internal().precision(kWide);
  ops.add("LogSoftmaxGrad").inputs(2, 2).infer(infer_softmax).internal().precision(kWide);
}

}  // namespace temper::graph
