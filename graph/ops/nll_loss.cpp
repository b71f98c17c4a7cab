// NegativeLogLikelihoodLoss: input [N, C, d...] of log probabilities, target [N, d...] of classes,
// weight [C]. loss = -weight[target] input[target], 0 where the target is ignore_index; the mean
// divides by the sum of the weights that count.
#include <limits>
#include <numeric>
#include <string>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ops/class_targets.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"
#include "graph/ops/wide_expansion.h"

namespace temper::graph {
namespace {

void infer_nll_loss(InferContext& c) {
  require_float(c);
  c.require_same_dtype({0, 2});
  const Shape input = c.shape(0);
  c.check(input.rank() >= 2, "the input has the shape ", input, ", expected [N, C, ...]");
  Shape expected{input[0]};
  for (int axis = 2; axis < input.rank(); ++axis) {
    expected.push_back(input[axis]);
  }
  c.check(c.shape(1) == expected, "the target has the shape ", c.shape(1), ", expected ", expected,
          " for the input ", input);
  c.check(c.dtype(1) == DType::kInt64 || c.dtype(1) == DType::kInt32, "the target is ", c.dtype(1),
          ", expected i64 or i32 class indices");
  if (c.has_input(2)) {
    c.check(c.shape(2) == Shape{input[1]}, "the weight has the shape ", c.shape(2), ", expected ",
            Shape{input[1]});
  }
  const std::string reduction = c.attrs().get_string("reduction", "mean");
  c.check(reduction == "mean" || reduction == "sum" || reduction == "none", "reduction is '",
          reduction, "', expected mean, sum or none");
  c.attrs().set("reduction", reduction);
  c.set_output(0, c.dtype(0), reduction == "none" ? expected : Shape{});
}

std::vector<ValueId> expand_nll_loss(Builder& b, const Node& node,
                                     const std::vector<ValueId>& inputs) {
  const Shape input = b.shape(inputs[0]);
  const DType type = b.dtype(inputs[0]);
  const ValueId chosen = chosen_class(b, node.attrs, inputs[1], input);
  const ValueId zero = b.scalar(type, 0);
  const bool weighted = inputs.size() > 2 && inputs[2].valid();
  ValueId weight = b.scalar(type, 1);
  ValueId value = inputs[0];
  if (weighted) {
    Shape channel{input[1]};
    for (int axis = 2; axis < input.rank(); ++axis) {
      channel.push_back(1);
    }
    weight = b.reshape(inputs[2], channel);
    value = b.mul(value, weight);
  }
  const ValueId sums = b.neg(b.reduce_sum(b.op("Where", {chosen, value, zero}), {1}, true));
  // A target that is no class is an error of the data: it shows as NaN, as in CrossEntropy.
  const ValueId nan = b.scalar(type, std::numeric_limits<double>::quiet_NaN());
  const ValueId losses = b.reshape(
      b.op("Where", {no_class(b, node.attrs, inputs[1], input), nan, sums}), b.shape(inputs[1]));
  const std::string reduction = node.attrs.get_string("reduction", "mean");
  if (reduction == "none") {
    return {losses};
  }
  std::vector<std::int64_t> axes(static_cast<std::size_t>(input.rank() - 1));
  std::iota(axes.begin(), axes.end(), 0);
  const ValueId sum = b.reduce_sum(losses, axes, false);
  if (reduction == "sum") {
    return {sum};
  }
  axes.push_back(input.rank() - 1);
  return {b.div(sum, b.reduce_sum(b.op("Where", {chosen, weight, zero}), axes, false))};
}

int batch_of_nll_loss(const BatchContext& c) {
  c.check(c.node().attrs.get_string("reduction", "mean") == "none",
          "reduces the batch to one number");
  for (int i = 0; i < 2; ++i) {
    c.check(!c.axis(i) || *c.axis(i) == 0, "takes the batch along another axis than 0");
  }
  return 0;
}

}  // namespace

void register_nll_loss(OpRegistry& ops) {
  ops.add("NegativeLogLikelihoodLoss")
      .batch(batch_of_nll_loss)
      .inputs(2, 3)
      .infer(infer_nll_loss)
      .expands(expand_wide<expand_nll_loss>)
      .expanded_in_plans();
}

}  // namespace temper::graph
