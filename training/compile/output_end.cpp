#include "training/compile/output_end.h"

#include "graph/ir/op_def.h"

namespace temper::training {
namespace {

using graph::Builder;
using graph::Graph;
using graph::Node;
using graph::ValueId;

// Of a float32 probability: its logarithm is -87.
constexpr double kLeastProbability = 1.2e-38;

bool keeps_shape(const graph::OpDef& op) {
  return op.movement == graph::Movement::kSame || op.movement == graph::Movement::kConvert;
}

const Node* producer_of(const Graph& graph, ValueId value) {
  const graph::Value& made = graph.value(value);
  return made.kind == graph::ValueKind::kNode ? &graph.node(made.producer) : nullptr;
}

// The axis of `shape` that `axis` of `other` is, where the shapes differ by ones or not at all.
bool is_axis(const Graph& graph, const Node& softmax, ValueId output, int class_axis) {
  const Shape& own = graph.value(softmax.outputs[0]).shape;
  const Shape& seen = graph.value(output).shape;
  const auto axis = static_cast<int>(softmax.attrs.get_int("axis", -1));
  const int at = axis < 0 ? axis + own.rank() : axis;
  const int wanted = class_axis < 0 ? class_axis + seen.rank() : class_axis;
  if (at < 0 || at >= own.rank() || wanted < 0 || wanted >= seen.rank()) {
    return false;
  }
  // Behind a Reshape the classes are still as many, with as many values behind them.
  return own[at] == seen[wanted] &&
         own.count(at + 1, own.rank()) == seen.count(wanted + 1, seen.rank());
}

}  // namespace

EndOfOutput end_of(const Graph& graph, ValueId output, int class_axis) {
  EndOfOutput end;
  std::string logarithm;  // the op that took it, behind the Softmax
  ValueId at = output;
  while (const Node* node = producer_of(graph, at)) {
    const graph::OpDef& op = *node->op;
    const bool log_softmax = op.activation == graph::Activation::kLogSoftmax;
    const bool softmax = op.activation == graph::Activation::kSoftmax || log_softmax;
    if (softmax && is_axis(graph, *node, output, class_axis)) {
      end.kind = !logarithm.empty() || log_softmax ? OutputEnd::kLogSoftmax : OutputEnd::kSoftmax;
    } else if (op.activation == graph::Activation::kSigmoid && logarithm.empty()) {
      end.kind = OutputEnd::kSigmoid;
    }
    if (end.kind != OutputEnd::kOther) {
      end.op =
          end.kind == OutputEnd::kLogSoftmax && !log_softmax ? logarithm + op.name() : op.name();
      end.origin = node->origin;
      end.squashed = node->inputs[0];
      return end;
    }
    const bool log = op.arithmetic == graph::Arithmetic::kLogarithm && logarithm.empty();
    if (!log && !keeps_shape(op) && !op.is_reshape() && op.arithmetic != graph::Arithmetic::kClip) {
      return end;
    }
    logarithm = log ? op.name() : logarithm;
    end.direct = end.direct && (keeps_shape(op) || log);
    at = node->inputs[0];
  }
  return end;
}

ValueId log_of_softmax(Builder& builder, ValueId output, int class_axis) {
  const EndOfOutput end = end_of(builder.graph(), output, class_axis);
  if (end.kind != OutputEnd::kSoftmax) {
    return output;
  }
  const DType dtype = builder.dtype(output);
  if (end.direct) {
    const int rank = builder.shape(output).rank();
    const std::int64_t axis = class_axis < 0 ? class_axis + rank : class_axis;
    return builder.op("LogSoftmax", {builder.cast(end.squashed, dtype)}, {{"axis", axis}});
  }
  return builder.op("Log", {builder.op("Max", {output, builder.scalar(dtype, kLeastProbability)})});
}

}  // namespace temper::training
