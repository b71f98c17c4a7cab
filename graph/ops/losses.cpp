// Softmax cross entropy with class indices, PyTorch's semantics, and its gradient.
#include <limits>
#include <numeric>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"
#include "graph/ops/class_targets.h"
#include "graph/ops/wide_expansion.h"

namespace temper::graph {
namespace {

// logits [N, C, d...], labels [N, d...], weight [C]; `labels` and `weight` are input numbers.
Shape check_operands(InferContext& c, const Shape& logits, int labels, int weight) {
  c.check(logits.rank() >= 2, "the logits have the shape ", logits, ", expected [N, C, ...]");
  Shape expected{logits[0]};
  for (int i = 2; i < logits.rank(); ++i) {
    expected.push_back(logits[i]);
  }
  c.check(c.shape(labels) == expected, "the labels have the shape ", c.shape(labels), ", expected ",
          expected, " for logits ", logits);
  c.check(c.dtype(labels) == DType::kInt64 || c.dtype(labels) == DType::kInt32, "the labels are ",
          c.dtype(labels), ", expected i64 or i32 class indices");
  if (c.has_input(weight)) {
    c.check(c.shape(weight) == Shape{logits[1]}, "the class weights have the shape ",
            c.shape(weight), ", expected ", Shape{logits[1]});
  }
  Attrs& attrs = c.attrs();
  attrs.set("ignore_index", attrs.get_int("ignore_index", -100));
  const double smoothing = attrs.get_double("label_smoothing", 0);
  c.check(smoothing >= 0 && smoothing <= 1, "label_smoothing is ", smoothing, ", expected 0 to 1");
  attrs.set("label_smoothing", smoothing);
  const std::string reduction = attrs.get_string("reduction", "mean");
  c.check(reduction == "mean" || reduction == "sum" || reduction == "none", "reduction is '",
          reduction, "', expected mean, sum or none");
  attrs.set("reduction", reduction);
  return reduction == "none" ? expected : Shape{};
}

void infer_cross_entropy(InferContext& c) {
  c.require_same_dtype({0, 2});
  const Shape loss = check_operands(c, c.shape(0), 1, 2);
  c.set_output(0, c.dtype(0), loss);
  c.set_output(1, c.dtype(0), c.shape(0));
}

// loss_i = -sum_c t_ic log p_ic with p = softmax(logits), t_ic = w_c ((1 - s) [c = label_i] + s /
// C) dlogits_ic = dloss_i (p_ic sum_c t_ic - t_ic), divided by the sum of the labels' weights for
// the mean
void cross_entropy_gradient(GradContext& g) {
  TEMPER_CHECK(!g.needs(2), ErrorCode::kUnsupported,
               "the class weights of CrossEntropy take no gradient");
  if (!g.needs(0)) {
    return;
  }
  Builder& b = g.builder();
  ValueId dlogits;
  if (g.has_dy(1)) {
    // Those of the log probabilities: dlogits = dlog_p - p sum dlog_p
    dlogits = b.op("LogSoftmaxGrad", {g.dy(1), g.y(1)}, {{"axis", std::int64_t{1}}});
  }
  if (g.has_dy()) {
    const ValueId log_prob = g.saved(1);
    std::vector<ValueId> inputs{g.dy(), log_prob, g.x(1)};
    if (g.has_input(2)) {
      inputs.push_back(g.x(2));
    }
    const ValueId of_loss = b.op("CrossEntropyGrad", std::move(inputs), g.attrs());
    dlogits = dlogits.valid() ? b.add(dlogits, of_loss) : of_loss;
  }
  g.set(0, dlogits);
}

// Input `i` as [C, 1, ...] to multiply with logits [N, C, ...]; 1 where it is left out.
ValueId class_weights(Builder& b, const std::vector<ValueId>& inputs, std::size_t i,
                      const Shape& logits, DType type) {
  if (inputs.size() <= i || !inputs[i].valid()) {
    return b.scalar(type, 1);
  }
  Shape channel{logits[1]};
  for (int axis = 2; axis < logits.rank(); ++axis) {
    channel.push_back(1);
  }
  return b.reshape(inputs[i], channel);
}

// CrossEntropyGrad by its formula (above cross_entropy_gradient).
std::vector<ValueId> expand_cross_entropy_grad(Builder& b, const Node& node,
                                               const std::vector<ValueId>& inputs) {
  const Shape logits = b.shape(inputs[1]);
  const DType type = b.dtype(inputs[1]);
  const double smoothing = node.attrs.get_double("label_smoothing", 0);
  const std::string reduction = node.attrs.get_string("reduction", "mean");
  const ValueId zero = b.scalar(type, 0);
  const ValueId chosen = chosen_class(b, node.attrs, inputs[2], logits);
  const ValueId weight = class_weights(b, inputs, 3, logits, type);
  ValueId target = b.op("Where", {chosen, b.scale(weight, 1 - smoothing), zero});
  if (smoothing != 0) {
    const ValueId counts = b.op("ReduceMax", {chosen}, {{"axes", std::vector<std::int64_t>{1}}});
    const double share = smoothing / static_cast<double>(logits[1]);
    target = b.add(target, b.op("Where", {counts, b.scale(weight, share), zero}));
  }
  Shape row = logits;
  row[1] = 1;
  ValueId factor = b.reshape(inputs[0], reduction == "none" ? row : Shape{});
  if (reduction == "mean") {
    std::vector<std::int64_t> axes(static_cast<std::size_t>(logits.rank()));
    std::iota(axes.begin(), axes.end(), 0);
    factor = b.div(factor, b.reduce_sum(b.op("Where", {chosen, weight, zero}), axes, false));
  }
  const ValueId expected = b.mul(b.op("Exp", {inputs[1]}), b.reduce_sum(target, {1}, true));
  return {b.mul(factor, b.sub(expected, target))};
}

// The loss by its formula, and the log probabilities. What a target does not choose counts 0 also
// where its logarithm is infinite.
std::vector<ValueId> write_cross_entropy(Builder& b, const Node& node,
                                         const std::vector<ValueId>& inputs) {
  const Shape logits = b.shape(inputs[0]);
  const DType type = b.dtype(inputs[0]);
  const double smoothing = node.attrs.get_double("label_smoothing", 0);
  const std::string reduction = node.attrs.get_string("reduction", "mean");
  const ValueId zero = b.scalar(type, 0);
  const ValueId log_prob = b.op("LogSoftmax", {inputs[0]}, {{"axis", std::int64_t{1}}});
  const ValueId chosen = chosen_class(b, node.attrs, inputs[1], logits);
  const ValueId weight = class_weights(b, inputs, 2, logits, type);
  const auto share = [&](double factor) { return b.mul(log_prob, b.scale(weight, -factor)); };
  ValueId loss = b.op("Where", {chosen, share(1 - smoothing), zero});
  if (smoothing != 0) {
    const ValueId counts = b.op("ReduceMax", {b.cast(chosen, DType::kFloat32)},
                                {{"axes", std::vector<std::int64_t>{1}}});
    loss = b.add(loss, b.op("Where", {b.cast(counts, DType::kBool),
                                      share(smoothing / static_cast<double>(logits[1])), zero}));
  }
  // A target that is no class gives NaN.
  const ValueId wrong = no_class(b, node.attrs, inputs[1], logits);
  const ValueId none = b.scalar(type, std::numeric_limits<double>::quiet_NaN());
  loss = b.reduce_sum(b.op("Where", {wrong, none, loss}), {1}, false);
  if (reduction != "none") {
    std::vector<std::int64_t> axes(static_cast<std::size_t>(logits.rank() - 1));
    std::iota(axes.begin(), axes.end(), 0);
    loss = b.reduce_sum(loss, axes, false);
  }
  if (reduction == "mean") {
    std::vector<std::int64_t> axes(static_cast<std::size_t>(logits.rank()));
    std::iota(axes.begin(), axes.end(), 0);
    loss = b.div(loss, b.reduce_sum(b.op("Where", {chosen, weight, zero}), axes, false));
  }
  return {loss, log_prob};
}

void infer_cross_entropy_grad(InferContext& c) {
  c.require_same_dtype({0, 1, 3});
  const Shape loss = check_operands(c, c.shape(1), 2, 3);
  c.check(c.shape(0) == loss, "dloss has the shape ", c.shape(0), ", expected ", loss);
  c.set_output(0, c.dtype(1), c.shape(1));
}

int batch_of_cross_entropy(const BatchContext& c) {
  c.check(c.node().attrs.get_string("reduction", "mean") == "none" && c.data_axis() == 0,
          "reduces the batch to one number");
  return 0;
}

}  // namespace

void register_losses(OpRegistry& ops) {
  ops.add("CrossEntropy")
      .batch(batch_of_cross_entropy)
      .imported_as("SoftmaxCrossEntropyLoss")
      .inputs(2, 3)
      .outputs(1, 2)
      .infer(infer_cross_entropy)
      .gradient(cross_entropy_gradient)
      .standard(expand_wide<write_cross_entropy>)
      .precision(PrecisionClass::kFloat32)
      .internal();
  ops.add("CrossEntropyGrad")
      .inputs(3, 4)
      .infer(infer_cross_entropy_grad)
      .expands(expand_wide<expand_cross_entropy_grad>)
      .precision(PrecisionClass::kFloat32)
      .internal();
}

}  // namespace temper::graph
