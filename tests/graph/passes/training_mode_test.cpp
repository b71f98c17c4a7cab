#include "graph/passes/training_mode.h"

#include <gtest/gtest.h>

#include "graph/passes/bind_shapes.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

const Attrs kExported = {{"training_mode", std::int64_t{1}}};

TEST(TrainingMode, DropoutThatDropsNothingStillGivesItsMask) {
  SmallGraph g;
  const ValueId x = g.input("x", {3});
  const NodeId dropout =
      g.graph.add_node(g.graph.registry().get("Dropout"), {x}, {"y", "mask"},
                       {{"ratio", 0.0}, {"training_mode", std::int64_t{1}}}, "Dropout 'd'");
  g.output("y", g.graph.node(dropout).outputs[0]);
  g.output("mask", g.graph.node(dropout).outputs[1]);
  graph::bind_shapes(g.graph, {}, 1, reference());
  graph::apply_training_mode(g.graph, {});
  EXPECT_EQ(g.run({{x, {1, -2, 3}}}, g.graph.outputs[0].value), (Doubles{1, -2, 3}));
  EXPECT_EQ(g.run({{x, {1, -2, 3}}}, g.graph.outputs[1].value), (Doubles{1, 1, 1}));
}

TEST(TrainingMode, DropoutsDrawOtherNumbersEach) {
  SmallGraph g;
  const ValueId x = g.input("x", {3});
  g.output("y", g.b.op("Dropout", {g.b.op("Dropout", {x})}));
  graph::TrainingModeOptions options;
  options.seed = 7;
  options.position = g.variable("position", {}, DType::kInt64);
  graph::apply_training_mode(g.graph, options);
  const std::vector<NodeId> made = g.nodes("DropoutTrain");
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(g.count("Dropout"), 0u);
  for (std::int64_t i = 0; i < 2; ++i) {
    const graph::Node& node = g.graph.node(made[static_cast<std::size_t>(i)]);
    EXPECT_EQ(node.attrs.get_int("random_id", -1), i);
    EXPECT_EQ(node.attrs.get_int("seed", -1), 7);
  }
}

TEST(TrainingMode, DropoutIsTheIdentityWhereNoneIsWanted) {
  SmallGraph g;
  const ValueId x = g.input("x", {3});
  g.output("y", g.b.op("Dropout", {x}));
  graph::TrainingModeOptions options;
  options.dropout = false;
  graph::apply_training_mode(g.graph, options);
  EXPECT_EQ(g.graph.outputs[0].value, x);
}

// BatchNormalization of x [4, 2] with running statistics.
struct NormGraph : SmallGraph {
  VariableId mean = statistic("mean"), variance = statistic("variance");
  ValueId x = input("x", {4, 2});

  VariableId statistic(const char* name) {
    const VariableId id = variable(name, {2});
    graph.variable(id).identity.kind = VariableKind::kStatistic;
    return id;
  }
  ValueId norm(ValueId of, Attrs attrs = {}) {
    return b.op("BatchNormalization",
                {of, constant({2}, {1, 1}), constant({2}, {0, 0}), graph.read_variable(mean),
                 graph.read_variable(variance)},
                std::move(attrs));
  }
};

TEST(TrainingMode, NormsUpdateTheirStatisticsAsPyTorchOrAsOnnxWhereTheFileSaysSo) {
  for (const bool exported : {false, true}) {
    NormGraph g;
    g.output("y", g.norm(g.x, exported ? kExported : Attrs{}));
    graph::apply_training_mode(g.graph, {});
    ASSERT_EQ(g.count("BatchNormTrain"), 1u);
    const graph::Node& made = g.graph.node(g.nodes("BatchNormTrain")[0]);
    EXPECT_EQ(made.attrs.get_int("unbiased", -1), exported ? 0 : 1);
    ASSERT_EQ(g.graph.updates.size(), 2u);
    EXPECT_EQ(g.graph.updates[0].variable, g.mean);
    EXPECT_EQ(g.graph.updates[0].value, made.outputs[1]);
    EXPECT_EQ(g.graph.updates[1].value, made.outputs[2]);
  }
}

TEST(TrainingMode, SeveralUsesOfTheSameStatisticsChain) {
  NormGraph g;
  g.output("y", g.norm(g.norm(g.x)));
  graph::apply_training_mode(g.graph, {});
  const std::vector<NodeId> made = g.nodes("BatchNormTrain");
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(g.graph.node(made[1]).inputs[3], g.graph.node(made[0]).outputs[1]);
  ASSERT_EQ(g.graph.updates.size(), 2u);
  EXPECT_EQ(g.graph.updates[0].value, g.graph.node(made[1]).outputs[1]);
}

// Exporters merge equal tensors: a statistic that is also a weight does not move.
TEST(TrainingMode, ATensorThatIsNoStatisticIsNotUpdated) {
  NormGraph g;
  g.graph.variable(g.mean).identity.kind = VariableKind::kParameter;
  g.output("y", g.norm(g.x));
  graph::apply_training_mode(g.graph, {});
  ASSERT_EQ(g.graph.updates.size(), 1u);
  EXPECT_EQ(g.graph.updates[0].variable, g.variance);
}

TEST(TrainingMode, FrozenNormsKeepTheirStatistics) {
  NormGraph g;
  g.output("y", g.norm(g.x, kExported));
  graph::TrainingModeOptions options;
  options.frozen_batchnorm = true;
  graph::apply_training_mode(g.graph, options);
  ASSERT_EQ(g.count("BatchNormalization"), 1u);
  EXPECT_EQ(g.producer(g.graph.outputs[0].value).attrs.get_int("training_mode", -1), 0);
  EXPECT_TRUE(g.graph.updates.empty());
}

TEST(TrainingMode, OneValuePerChannelIsRefused) {
  NormGraph g;
  g.output("y", g.norm(g.input("one", {1, 2})));
  expect_error(ErrorCode::kInvalidArgument, "data.drop_last",
               [&] { graph::apply_training_mode(g.graph, {}); });
}

TEST(InferenceMode, StatisticsThatAreReadAreTheRunningOnes) {
  NormGraph g;
  const std::vector<ValueId> made =
      g.b.ops("BatchNormalization",
              {g.x, g.constant({2}, {1, 1}), g.constant({2}, {0, 0}), g.graph.read_variable(g.mean),
               g.graph.read_variable(g.variance)},
              3, kExported);
  g.output("y", made[0]);
  g.output("mean", made[1]);
  graph::apply_inference_mode(g.graph);
  EXPECT_EQ(g.graph.outputs[1].value, g.graph.read_variable(g.mean));
  EXPECT_EQ(g.count("BatchNormTrain"), 0u);
}

TEST(TrainingForm, CountsWhatTheExporterLeftPerOp) {
  NormGraph g;
  g.output("y", g.norm(g.norm(g.x, kExported)));
  const graph::TrainingForm form = training_form(g.graph);
  EXPECT_EQ(form.counts, (std::map<std::string, int>{{"BatchNormalization", 1}, {"Dropout", 0}}));
  EXPECT_TRUE(form.any());
  SmallGraph plain;
  plain.output("y", plain.b.neg(plain.input("x", {2})));
  EXPECT_FALSE(training_form(plain.graph).any());
}

}  // namespace
}  // namespace temper::test
