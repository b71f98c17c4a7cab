// Softmax: y = exp(x - max(x)) / sum(exp(x - max(x))) along `axis`; LogSoftmax: its logarithm;
// Hardmax: 1 at the largest element along `axis`, the first of equal ones, and 0 elsewhere. ONNX
// opsets 13 and later.
#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/node_draft.h"
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

// dx = y * (dy - sum(dy * y))
std::vector<ValueId> write_softmax_grad(Builder& b, const Node& node,
                                        const std::vector<ValueId>& inputs) {
  const ValueId dy = inputs[0], y = inputs[1];
  return {b.mul(y, b.sub(dy, b.reduce_sum(b.mul(dy, y), {node.attrs.get_int("axis", -1)}, true)))};
}

// dx = dy - exp(y) * sum(dy)
std::vector<ValueId> write_log_softmax_grad(Builder& b, const Node& node,
                                            const std::vector<ValueId>& inputs) {
  const ValueId total = b.reduce_sum(inputs[0], {node.attrs.get_int("axis", -1)}, true);
  return {b.sub(inputs[0], b.mul(b.op("Exp", {inputs[1]}), total))};
}

// Constant between its jumps: dx = 0
void hardmax_gradient(GradContext& g) { g.set(0, g.builder().zeros_like(g.x(0))); }

int batch_of_softmax(const BatchContext& c) {
  return batch_along_others(c, "normalises over the samples of a batch");
}

// Up to opset 12 Softmax flattens its input to two dimensions at `axis` (default 1) and normalises
// over all of the second.
void upgrade_softmax(NodeDraft& d) {
  if (d.opset >= 13) {
    return;
  }
  const std::int64_t axis = d.attrs.get_int("axis", 1);
  if (axis == -1 || d.inputs.size() != 1) {
    d.attrs.set("axis", std::int64_t{-1});
    return;
  }
  const ValueId input = d.inputs[0];
  const ValueId shape = d.emit("Shape", {input});
  const ValueId flat = d.emit("Flatten", {input}, {{"axis", axis}});
  const ValueId normalised = d.emit(d.op, {flat}, {{"axis", std::int64_t{1}}});
  d.op = "Reshape";
  d.inputs = {normalised, shape};
  // A dimension of 0 is a 0 here, not "copy the input's".
  d.attrs = Attrs{{"allowzero", std::int64_t{1}}};
}

}  // namespace

void register_softmax(OpRegistry& ops) {
  constexpr PrecisionClass kWide = PrecisionClass::kFloat32;
  ops.add("Softmax")
      .upgrade(upgrade_softmax)
      .batch(batch_of_softmax)
      .activates(Activation::kSoftmax)
      .infer(infer_softmax)
      .gradient(softmax_gradient)
      .precision(kWide);
  ops.add("LogSoftmax")
      .upgrade(upgrade_softmax)
      .batch(batch_of_softmax)
      .activates(Activation::kLogSoftmax)
      .infer(infer_softmax)
      .gradient(log_softmax_gradient)
      .precision(kWide);
  ops.add("Hardmax")
      .upgrade(upgrade_softmax)
      .batch(batch_of_softmax)
      .infer(infer_softmax)
      .gradient(hardmax_gradient);
  ops.add("SoftmaxGrad")
      .inputs(2, 2)
      .infer(infer_softmax)
      .gradient(softmax_grad_gradient)
      .standard(write_softmax_grad)
      .internal()
      .precision(kWide);
  ops.add("LogSoftmaxGrad")
      .inputs(2, 2)
      .infer(infer_softmax)
      .gradient(log_softmax_grad_gradient)
      .standard(write_log_softmax_grad)
      .internal()
      .precision(kWide);
}

}  // namespace temper::graph
