// Losses of outputs whose classes are last, against the same scores in PyTorch's order.
#include <gtest/gtest.h>

#include <cmath>

#include "backends/reference/reference_backend.h"
#include "graph/ir/builder.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/evaluate.h"
#include "tests/training/test_files.h"
#include "training/compile/loss_graph.h"
#include "training/losses/loss.h"

namespace temper::training {
namespace {

LossTerm term_of(const std::string& loss, const std::string& output, std::int64_t axis,
                 Attrs parameters) {
  LossTerm term;
  parameters.set("class_axis", axis);
  term.loss = {loss, complete_parameters("loss", loss, find_loss(loss).parameters, parameters)};
  term.outputs = {output};
  term.label = output;
  return term;
}

// The loss of scores [2, 3, 4] as they are and with the classes moved to the end.
std::pair<double, double> both_orders(const std::string& loss, const Attrs& parameters,
                                      bool weighs_samples, bool class_target = true) {
  graph::Graph graph(graph::standard_ops());
  const Shape shape{2, 3, 4};
  const graph::ValueId scores = graph.add_input("scores", DType::kFloat64, shape);
  graph::Builder builder(graph, "model");
  const std::vector<graph::Graph::Output> outputs = {
      {"second", scores}, {"last", builder.transpose(scores, {0, 2, 1})}};
  CompileSettings settings;
  settings.losses = {term_of(loss, "second", 1, parameters), term_of(loss, "last", -1, parameters)};
  settings.losses[1].target_index = class_target ? 0 : 1;
  for (LossTerm& term : settings.losses) {
    term.class_target = class_target;
  }
  settings.sample_weight = weighs_samples;
  const auto backend = reference::make_reference_backend();
  const LossParts made = add_loss(graph, settings, outputs, false, 2, *backend);
  std::map<graph::ValueId, Tensor> known;
  for (const graph::ValueId id : graph.inputs) {
    const graph::Value& input = graph.value(id);
    std::vector<double> values;
    for (std::int64_t i = 0; i < input.shape.element_count(); ++i) {
      // The target of the second order is the first's, transposed.
      const std::int64_t from = input.port == graph::Port{graph::PortRole::kTarget, 1}
                                    ? i / 12 * 12 + i % 3 * 4 + i % 12 / 3
                                    : i;
      values.push_back(input.dtype == DType::kInt64 ? static_cast<double>(i * 5 % 3)
                                                    : 0.25 * static_cast<double>(from * 7 % 11));
    }
    known[id] = Tensor::from<double>(input.dtype, input.shape, values);
  }
  const auto values =
      graph::evaluate(graph, *backend, known, {made.parts[0].value, made.parts[1].value});
  return {values[0].values<double>()[0], values[1].values<double>()[0]};
}

void expect_equal(const std::pair<double, double>& both) {
  EXPECT_GT(std::abs(both.first), 1e-3);
  EXPECT_NEAR(both.first, both.second, 1e-13 * std::abs(both.first));
}

TEST(ClassAxis, GivesTheSameLossFromEitherEnd) {
  const std::vector<double> weight = {0.5, 2.0, 1.0};
  for (const std::string reduction : {"mean", "sum"}) {
    for (const bool weighs : {false, true}) {
      SCOPED_TRACE(reduction + (weighs ? ", samples weighed" : ""));
      expect_equal(both_orders("cross_entropy",
                               {{"reduction", reduction},
                                {"label_smoothing", 0.1},
                                {"ignore_index", std::int64_t{2}},
                                {"weight", weight}},
                               weighs));
      expect_equal(both_orders("nll", {{"reduction", reduction}, {"weight", weight}}, weighs));
      expect_equal(both_orders("focal", {{"reduction", reduction}}, weighs));
      expect_equal(both_orders("cross_entropy", {{"reduction", reduction}}, weighs, false));
    }
  }
}

// A run settles it by the shape of the data's target.
TEST(ClassAxis, IsNotGuessedWhereNoTargetIsThereToTell) {
  graph::Graph graph(graph::standard_ops());
  const graph::ValueId scores = graph.add_input("scores", DType::kFloat32, Shape{2, 3, 3});
  CompileSettings settings;
  settings.losses = {term_of("cross_entropy", "scores", 0, {})};
  const auto backend = reference::make_reference_backend();
  expect_error([&] { add_loss(graph, settings, {{"scores", scores}}, false, 2, *backend); },
               ErrorCode::kInvalidArgument, "write class_axis = 1");
}

}  // namespace
}  // namespace temper::training
