#include "training/compile/step/accuracy.h"

#include <algorithm>

#include "graph/ir/builder.h"
#include "runtime/base/error.h"
#include "training/losses/loss.h"

namespace temper::training {

using graph::Builder;
using graph::Graph;
using graph::ValueId;

namespace {

ValueId count_of(Builder& b, ValueId is_true) {
  const ValueId each = b.reshape(is_true, Shape{b.shape(is_true).element_count()});
  return b.reduce_sum(b.cast(each, DType::kInt64), {0}, true);
}

ValueId both_counts(Builder& b, ValueId right, ValueId counted) {
  return b.op("Concat", {count_of(b, right), count_of(b, counted)}, {{"axis", std::int64_t{0}}});
}

ValueId likeliest(Builder& b, ValueId scores) {
  return b.op("ArgMax", {scores}, {{"axis", std::int64_t{1}}, {"keepdims", std::int64_t{0}}});
}

// Scores [N, C, d...].
ValueId count_classes(Builder& b, const AccuracySettings& settings, ValueId scores,
                      ValueId target) {
  const ValueId predicted = likeliest(b, scores);
  if (is_float(b.dtype(target))) {  // every one counts
    const ValueId label = likeliest(b, b.reshape(target, b.shape(scores)));
    return both_counts(b, b.op("Equal", {predicted, label}), b.op("Equal", {predicted, predicted}));
  }
  const ValueId label = b.reshape(b.cast(target, DType::kInt64), b.shape(predicted));
  const ValueId ignored = b.graph().add_constant(
      {}, Tensor::scalar<std::int64_t>(DType::kInt64, settings.ignore_index));
  const ValueId counted = b.op("Not", {b.op("Equal", {label, ignored})});
  return both_counts(b, b.op("And", {b.op("Equal", {predicted, label}), counted}), counted);
}

// In double, which the threshold is.
ValueId count_binary(Builder& b, double threshold, ValueId scores, ValueId target) {
  const auto above = [&](ValueId value, double limit) {
    return b.op("Greater", {b.cast(value, DType::kFloat64), b.scalar(DType::kFloat64, limit)});
  };
  const ValueId wanted = above(b.reshape(target, b.shape(scores)), 0.5);
  const ValueId right = b.op("Equal", {above(scores, threshold), wanted});
  return both_counts(b, right, b.op("Equal", {wanted, wanted}));
}

}  // namespace

void add_accuracy(Graph& graph, const AccuracySettings& settings,
                  const std::vector<Graph::Output>& outputs) {
  if (settings.kind == AccuracySettings::Kind::kNone) {
    return;
  }
  const auto output = std::find_if(outputs.begin(), outputs.end(), [&](const Graph::Output& each) {
    return each.port == Port{PortRole::kModelOutput, settings.output};
  });
  const auto target = std::find_if(graph.inputs.begin(), graph.inputs.end(), [&](ValueId id) {
    return graph.value(id).port == settings.target;
  });
  TEMPER_ASSERT(output != outputs.end() && target != graph.inputs.end(), "output ",
                settings.output);
  Builder b(graph, "accuracy");
  ValueId scores = output->value;
  const ValueId wanted = *target;
  const Shape shape = b.shape(scores);
  if (settings.classes_last && shape.rank() > 2) {
    scores = b.reshape(scores, class_rows(shape));
  }
  const bool classes = settings.kind == AccuracySettings::Kind::kClasses;
  graph.add_output("accuracy",
                   classes ? count_classes(b, settings, scores, wanted)
                           : count_binary(b, settings.threshold, scores, wanted),
                   {PortRole::kAccuracy, 0});
}

}  // namespace temper::training
