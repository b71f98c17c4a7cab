#include "training/objective/loss_shape.h"

#include "backends/backends.h"
#include "graph/autodiff/gradient.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/evaluate.h"
#include "runtime/base/error.h"

namespace temper::training {
namespace {

bool takes_one_prediction(const Loss& loss) {
  const bool values = loss.prediction == PredictionKind::kRegression ||
                      loss.prediction == PredictionKind::kBinaryLogits ||
                      loss.prediction == PredictionKind::kProbabilities;
  return values && loss.outputs == 1 && loss.target == TargetKind::kLikeOutput;
}

}  // namespace

LossShape loss_shape(const ComponentSettings& settings, std::span<const double> predictions,
                     double target) {
  const Loss& loss = find_loss(settings.name);
  if (!takes_one_prediction(loss)) {
    std::vector<std::string> names;
    for (const Loss& other : losses()) {
      if (takes_one_prediction(other)) {
        names.push_back(other.name);
      }
    }
    fail(ErrorCode::kInvalidArgument, loss.name,
         " is no function of one prediction and its target; losses that are: ", join(names, ", "));
  }
  const DType dtype = DType::kFloat64;
  const Shape shape{1, 1};
  graph::Graph graph(graph::standard_ops());
  const graph::ValueId prediction = graph.add_input("prediction", dtype, shape);
  const graph::ValueId wanted = graph.add_input("target", dtype, shape);
  graph::Builder builder(graph, "loss");
  const graph::ValueId value =
      build_loss(loss, {builder, {prediction}, wanted, settings.parameters, {}});
  const std::vector<graph::ValueId> inputs = {prediction};
  const std::vector<graph::ValueId> results = {value,
                                               graph::gradient(graph, value, inputs).front()};
  const auto backend = make_backend("reference");
  const std::vector<double> at_target = {target};
  LossShape drawn;
  for (const double x : predictions) {
    const std::vector<double> at_x = {x};
    const auto tensors = graph::evaluate(graph, *backend,
                                         {{prediction, Tensor::from<double>(dtype, shape, at_x)},
                                          {wanted, Tensor::from<double>(dtype, shape, at_target)}},
                                         results);
    drawn.loss.push_back(tensors[0].values<double>().front());
    drawn.gradient.push_back(tensors[1].values<double>().front());
  }
  return drawn;
}

}  // namespace temper::training
