// ObservedRounding: a value or weight as the integers of a quantised model have it, in training
// that is aware of them. Before differentiation and in every plan QuantizeDequantize and the nodes
// that give its scale and zero point stand in its place; in training a moving range is updated as a
// running statistic is.
#include "graph/ops/observed_rounding.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/ir/batch_context.h"
#include "graph/ir/builder.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"
#include "graph/ir/training_context.h"

namespace temper::graph {
namespace {

constexpr std::size_t kLow = 1, kHigh = 2, kScale = 3;

bool has(const Node& node, std::size_t i) {
  return i < node.inputs.size() && node.inputs[i].valid();
}

// x; low and high [], the range of a value, or neither: a weight; scale [] or [C] where it is
// learnt. `quantized` names the integers, of which least to most are used; with `symmetric` zero is
// their 0. A weight has a scale for each entry of `axis`, or one (-1).
void infer_observed_rounding(InferContext& c) {
  c.check(c.dtype(0) == DType::kFloat32, "x is ", c.dtype(0), ", expected f32");
  c.check(c.has_input(1) == c.has_input(2), "has one end of a range");
  for (int i = 1; i < 3 && c.has_input(i); ++i) {
    c.check(c.dtype(i) == DType::kFloat32 && c.shape(i) == Shape{}, "an end of the range is ",
            c.dtype(i), " ", c.shape(i), ", expected one f32");
  }
  const std::int64_t axis = c.attrs().get_int("axis", -1);
  c.check(axis >= -1 && axis < c.rank(0), "axis is ", axis, " of ", c.shape(0));
  const Shape scales = axis < 0 ? Shape{} : Shape{c.shape(0)[static_cast<int>(axis)]};
  if (c.has_input(3)) {
    c.check(c.shape(3) == scales, "the scale has the shape ", c.shape(3), ", expected ", scales);
  }
  c.check(c.attrs().get_double("most", 0) > c.attrs().get_double("least", 0),
          "least and most are no range of integers");
  c.set_output(0, DType::kFloat32, c.shape(0));
}

// A scale below this one would divide by almost nothing; torch.ao has the same bound.
ValueId bounded(Builder& b, ValueId scale) {
  const auto least = static_cast<double>(std::numeric_limits<float>::epsilon());
  return b.op("Max", {scale, b.scalar(DType::kFloat32, least)});
}

struct Steps {
  ValueId scale, zero;  // no zero: it is 0
};

// As torch.ao's MinMaxObserver, of a range that 0 is made part of:
//   scale = (high - low) / (most - least),  zero = least - round(low / scale)
// symmetric: scale = max(-low, high) / most, zero = 0
Steps steps_of_range(Builder& b, const Node& node, ValueId low, ValueId high) {
  const DType type = dtype_from_name(node.attrs.get_string("quantized", ""));
  const double least = node.attrs.get_double("least", 0), most = node.attrs.get_double("most", 0);
  const auto number = [&](double value) { return b.scalar(DType::kFloat32, value); };
  low = b.op("Min", {low, number(0)});
  high = b.op("Max", {high, number(0)});
  if (node.attrs.get_int("symmetric", 0) != 0) {
    const ValueId end = b.op("Max", {b.neg(low), high});
    return {bounded(b, b.div(end, number(most))), {}};
  }
  const ValueId scale = bounded(b, b.div(b.sub(high, low), number(most - least)));
  const ValueId zero = b.sub(number(least), b.op("Round", {b.div(low, scale)}));
  const ValueId inside = b.op("Min", {b.op("Max", {zero, number(least)}), number(most)});
  return {scale, b.cast(inside, type)};
}

// max |w| / most, of each entry of the axis.
ValueId scale_of_weight(Builder& b, const Node& node, ValueId weight) {
  const std::int64_t axis = node.attrs.get_int("axis", -1);
  std::vector<std::int64_t> axes;
  for (int i = 0; i < b.shape(weight).rank(); ++i) {
    if (i != axis) {
      axes.push_back(i);
    }
  }
  ValueId largest = b.op("Abs", {weight});
  if (!axes.empty()) {
    largest = b.op("ReduceMax", {largest}, {{"axes", axes}, {"keepdims", std::int64_t{0}}});
  }
  return bounded(b, b.div(largest, b.scalar(DType::kFloat32, node.attrs.get_double("most", 0))));
}

// Esser et al. 2020, Learned Step Size Quantization, section 2.2: the gradient of a scale times
// 1 / sqrt(count most), count: the numbers that share it.
double scale_gradient(const Node& node, const Shape& x) {
  const std::int64_t axis = node.attrs.get_int("axis", -1);
  const std::int64_t scales = axis < 0 ? 1 : x[static_cast<int>(axis)];
  const double count = static_cast<double>(x.element_count()) / static_cast<double>(scales);
  return 1 / std::sqrt(std::max(count, 1.0) * node.attrs.get_double("most", 1));
}

// `low`, `high`: the range as it is now.
ValueId rounded(Builder& b, const Node& node, ValueId x, ValueId low, ValueId high, ValueId scale) {
  Attrs attrs{{"quantized", node.attrs.get_string("quantized", "")}};
  Steps steps;
  if (low.valid()) {
    steps = steps_of_range(b, node, low, high);
  } else if (!scale.valid()) {
    steps.scale = scale_of_weight(b, node, b.op("StopGradient", {x}));
  }
  if (scale.valid()) {
    steps.scale = bounded(b, scale);
    attrs.set("scale_gradient", scale_gradient(node, b.shape(x)));
  }
  if (b.shape(steps.scale).rank() > 0) {
    attrs.set("axis", node.attrs.get_int("axis", -1));
  }
  return b.op("QuantizeDequantize", {x, steps.scale, steps.zero}, std::move(attrs));
}

std::vector<ValueId> expand_observed_rounding(Builder& b, const Node& node,
                                              const std::vector<ValueId>& inputs) {
  const auto input = [&](std::size_t i) { return i < inputs.size() ? inputs[i] : ValueId{}; };
  return {rounded(b, node, inputs[0], input(kLow), input(kHigh), input(kScale))};
}

// range + averaging (that of the batch - range), as torch.ao's MovingAverageMinMaxObserver; as it
// is from the step on at which ranges stand still.
ValueId moved(Builder& b, const Node& node, const TrainingModeOptions& options, ValueId end,
              ValueId of_batch) {
  const ValueId share = b.scalar(DType::kFloat32, node.attrs.get_double("averaging", 0));
  const ValueId next = b.add(end, b.mul(share, b.sub(of_batch, end)));
  if (options.observe_until < 0) {
    return next;
  }
  const ValueId until = b.scalar(DType::kInt64, static_cast<double>(options.observe_until));
  const ValueId moves = b.op("Less", {b.graph().read_variable(options.applied), until});
  return b.op("Where", {moves, next, end});
}

void train_observed_rounding(TrainingContext& c) {
  const Node& node = c.node();
  Graph& graph = c.graph();
  Builder b(graph, node.origin);
  const ValueId x = node.inputs[0];
  const bool is_value = has(node, kLow);
  ValueId low = is_value ? c.statistic(kLow) : ValueId{};
  ValueId high = is_value ? c.statistic(kHigh) : ValueId{};
  if (is_value && c.options().observes && node.attrs.get_double("averaging", 0) > 0) {
    const ValueId seen = b.op("StopGradient", {x});
    const Attrs whole{{"keepdims", std::int64_t{0}}};
    low = moved(b, node, c.options(), low, b.op("ReduceMin", {seen}, whole));
    high = moved(b, node, c.options(), high, b.op("ReduceMax", {seen}, whole));
    c.set_statistic(kLow, low);
    c.set_statistic(kHigh, high);
  }
  const ValueId y =
      rounded(b, node, x, low, high, has(node, kScale) ? node.inputs[kScale] : ValueId{});
  graph.value(y).name = graph.value(node.outputs[0]).name;
  graph.value(node.outputs[0]).name.clear();
  c.replace({y});
}

int batch_of_observed_rounding(const BatchContext& c) {
  c.check(has(c.node(), kLow), "takes its scale from all samples of the batch");
  return c.data_axis();
}

}  // namespace

void observe_rounding(Graph& graph, NodeId id, const RoundingState& state, Attrs attrs) {
  const auto read = [&](VariableId variable) {
    return variable.valid() ? graph.read_variable(variable) : ValueId{};
  };
  const std::vector<ValueId> inputs = {graph.node(id).inputs[0], read(state.low), read(state.high),
                                       read(state.scale)};
  Node& node = graph.node(id);
  node.op = graph.registry().find("ObservedRounding");
  node.inputs = inputs;
  node.attrs = std::move(attrs);
}

std::map<VariableId, ValueId> leave_out_rounding(Graph& graph) {
  const OpDef* op = graph.registry().find("ObservedRounding");
  std::map<VariableId, ValueId> values;
  for (int i = 0; i < graph.node_count(); ++i) {
    const Node node = graph.node(NodeId{i});
    if (node.removed || node.op != op) {
      continue;
    }
    if (has(node, kLow)) {
      values.emplace(graph.value(node.inputs[kLow]).variable, node.inputs[0]);
    }
    graph.replace_uses(node.outputs[0], node.inputs[0]);
    graph.remove_node(NodeId{i});
  }
  return values;
}

void register_observed_rounding(OpRegistry& ops) {
  ops.add("ObservedRounding")
      .inputs(1, 4)
      .infer(infer_observed_rounding)
      .expands(expand_observed_rounding)
      .expanded_in_plans()
      .training(train_observed_rounding, nullptr)
      .batch(batch_of_observed_rounding)
      .internal();
}

}  // namespace temper::graph
