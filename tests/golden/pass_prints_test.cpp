// The training graph of a small network as the printer shows it: as made, and after the passes. A
// change of any pass shows here; look at the difference and, if it is meant, run once with
// TEMPER_UPDATE_GOLDEN=1.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "backends/reference/reference_backend.h"
#include "graph/ir/builder.h"
#include "graph/ir/print.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/pipeline.h"
#include "training/compile/training_graph.h"
#include "training/losses/loss.h"
#include "training/optimizers/optimizer.h"

namespace temper::training {
namespace {

graph::VariableId add_weight(graph::Graph& graph, const char* name, const Shape& shape,
                             graph::VariableKind kind = graph::VariableKind::kParameter) {
  graph::Variable variable;
  variable.name = name;
  variable.shape = shape;
  variable.identity.kind = kind;
  variable.trainable = kind == graph::VariableKind::kParameter;
  return graph.add_variable(std::move(variable));
}

// x -> Conv -> BatchNormalization -> Relu -> Flatten -> Gemm.
graph::Graph small_network() {
  graph::Graph graph(graph::standard_ops());
  const auto read = [&](const char* name, const Shape& shape,
                        graph::VariableKind kind = graph::VariableKind::kParameter) {
    return graph.read_variable(add_weight(graph, name, shape, kind));
  };
  const auto node = [&](const char* op, std::vector<graph::ValueId> inputs, const char* name,
                        const Attrs& attrs) {
    const graph::NodeId id = graph.add_node(graph.registry().get(op), std::move(inputs), {name},
                                            attrs, std::string(op) + " '" + name + "'");
    return graph.node(id).outputs.front();
  };
  const graph::ValueId x = graph.add_input(
      "x", DType::kFloat32, std::vector<graph::Dim>{{-1, "batch"}, {1, ""}, {4, ""}, {4, ""}});
  const auto statistic = graph::VariableKind::kStatistic;
  graph::ValueId h = node("Conv", {x, read("conv.weight", {2, 1, 3, 3})}, "conv",
                          {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}});
  h = node("BatchNormalization",
           {h, read("bn.scale", {2}), read("bn.bias", {2}), read("bn.mean", {2}, statistic),
            read("bn.var", {2}, statistic)},
           "bn", {});
  h = node("Relu", {h}, "relu", {});
  h = node("Flatten", {h}, "flat", {});
  h = node("Gemm", {h, read("fc.weight", {3, 32}), read("fc.bias", {3})}, "fc",
           {{"transB", std::int64_t{1}}});
  graph.add_output("y", h);
  return graph;
}

CompileSettings settings() {
  CompileSettings made;
  made.losses.emplace_back().loss = {
      "cross_entropy",
      complete_parameters("loss", "cross_entropy", find_loss("cross_entropy").parameters, {})};
  made.optimizer = {"sgd", complete_parameters("optimizer", "sgd", find_optimizer("sgd").parameters,
                                               {{"momentum", 0.9}})};
  made.clip.norm = 1;
  return made;
}

void expect_golden(const std::string& name, const std::string& text) {
  const std::string path =
      std::string(TEMPER_SOURCE_DIR) + "/tests/golden/expected/" + name + ".txt";
  if (std::getenv("TEMPER_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << text;
  }
  std::ifstream file(path);
  std::ostringstream expected;
  expected << file.rdbuf();
  EXPECT_EQ(expected.str(), text) << path;
}

TEST(PassPrints, TheTrainingGraphAsMadeAndAfterThePasses) {
  const auto reference = reference::make_reference_backend();
  GraphRequest request;
  request.batch = 8;
  graph::Graph graph = make_graph(small_network(), settings(), request, *reference).graph;
  graph.name = "train";
  expect_golden("train_as_made", graph::print(graph));
  graph::run_pipeline(graph, *reference);
  expect_golden("train_after_passes", graph::print(graph));
}

TEST(PassPrints, TheEvaluationGraphAfterThePasses) {
  const auto reference = reference::make_reference_backend();
  GraphRequest request;
  request.kind = GraphKind::kEvaluate;
  request.batch = 8;
  graph::Graph graph = make_graph(small_network(), settings(), request, *reference).graph;
  graph.name = "evaluate";
  graph::run_pipeline(graph, *reference);
  expect_golden("evaluate_after_passes", graph::print(graph));
}

}  // namespace
}  // namespace temper::training
