// Control flow and sequences whose meaning is known when shapes are bound leave nothing behind.
#include "graph/passes/resolve.h"

#include <gtest/gtest.h>

#include <map>

#include "graph/ir/op_def.h"
#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/evaluate.h"
#include "graph/passes/rebatch.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/wire_writer.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

using graph::Graph;
using graph::OnnxModel;

OnnxModel load(const ModelParts& parts, const TemporaryFolder& folder) {
  return OnnxModel::load(folder.write("model.onnx", parts.bytes()));
}

Graph import(const ModelParts& parts) {
  const TemporaryFolder folder;
  return load(parts, folder).build_graph(graph::standard_ops());
}

Graph bound(const ModelParts& parts, std::int64_t batch,
            const graph::ResolveOptions& options = {}) {
  Graph made = import(parts);
  graph::bind_shapes(made, {}, batch, reference(), options);
  return made;
}

std::map<std::string, int> ops_of(const Graph& graph) {
  std::map<std::string, int> counts;
  for (int i = 0; i < graph.node_count(); ++i) {
    const graph::Node& node = graph.node(NodeId{i});
    if (!node.removed) {
      ++counts[node.op->name()];
    }
  }
  return counts;
}

// The first output for x = 1, 2, 3, ...
std::vector<double> result(const Graph& graph) {
  std::map<ValueId, Tensor> given;
  for (const ValueId id : graph.inputs) {
    Tensor tensor(graph.value(id).dtype, graph.value(id).shape);
    for (std::size_t i = 0; i < tensor.span<float>().size(); ++i) {
      tensor.span<float>()[i] = static_cast<float>(i + 1);
    }
    given[id] = tensor;
  }
  return graph::evaluate(graph, reference(), given, {graph.outputs[0].value})[0].values<double>();
}

Message scalar_int(const std::string& name, std::int64_t value) {
  return raw_tensor<std::int64_t>(name, 7, {}, {value});
}

// y = 2 x for one sample, x + shift for more.
ModelParts by_batch_size() {
  const auto out = {value_info("out", {-1, 4})};
  ModelParts parts;
  parts.nodes = {node("Shape", {"x"}, {"shape"}), node("Gather", {"shape", "zero"}, {"n"}),
                 node("Equal", {"n", "one"}, {"single"}),
                 node("If", {"single"}, {"y"},
                      {body_attribute("then_branch", {node("Add", {"x", "x"}, {"out"})}, {}, out),
                       body_attribute("else_branch", {node("Add", {"x", "shift"}, {"out"})}, {},
                                      out, {floats("shift", {4}, {10, 20, 30, 40})})},
                      "choice")};
  parts.initializers = {scalar_int("zero", 0), scalar_int("one", 1)};
  return parts;
}

TEST(Resolve, PutsTheBranchThatTheShapeAsksForInThePlaceOfAnIf) {
  const Graph one = bound(by_batch_size(), 1);
  EXPECT_EQ(ops_of(one), (std::map<std::string, int>{{"Add", 1}}));
  EXPECT_EQ(result(one), (std::vector<double>{2, 4, 6, 8}));
  const Graph two = bound(by_batch_size(), 2);
  EXPECT_EQ(result(two), (std::vector<double>{11, 22, 33, 44, 15, 26, 37, 48}));
  EXPECT_EQ(two.value(two.outputs[0].value).name, "y");
}

TEST(Resolve, ABranchThatDoesNotFitTheShapesIsRefusedWhereDataChoose) {
  ModelParts parts;
  parts.nodes = {node("If", {"c"}, {"y"},
                      {body_attribute("then_branch", {node("Relu", {"x"}, {"out"})}, {},
                                      {value_info("out", {-1, 4})}),
                       body_attribute("else_branch", {node("Add", {"x", "five"}, {"out"})}, {},
                                      {value_info("out", {-1, 4})})},
                      "rate")};
  parts.initializers = {floats("five", {5}, {1, 2, 3, 4, 5})};
  parts.inputs.push_back(value_info("c", {}, 9));
  expect_error(ErrorCode::kUnsupported, "in else_branch: both branches must fit the shapes",
               [&] { bound(parts, 2); });
}

TEST(Resolve, AModelOfOneBatchSizeDoesForOthersWhatItDoesForThat) {
  ModelParts parts = by_batch_size();
  parts.inputs = {value_info("x", {1, 4})};
  Graph graph = import(parts);
  graph::rebatch(graph, {}, 1, 2, reference());
  EXPECT_EQ(result(graph), (std::vector<double>{2, 4, 6, 8, 10, 12, 14, 16}));
}

TEST(Resolve, ATensorInABranchTrainsAndIsExportedIntoIt) {
  const TemporaryFolder folder;
  const OnnxModel model = load(by_batch_size(), folder);
  const Graph graph = model.build_graph(graph::standard_ops());
  const VariableId shift = graph.find_variable("shift");
  ASSERT_TRUE(shift.valid());
  EXPECT_TRUE(graph.variable(shift).trainable);
  const std::vector<float> trained = {1, 2, 3, 4};
  const std::map<std::string, Tensor> values = {
      {"shift", Tensor::from<float>(DType::kFloat32, {4}, trained)}};
  graph::export_model(model, values, folder.path("trained.onnx"));
  Graph again = OnnxModel::load(folder.path("trained.onnx")).build_graph(graph::standard_ops());
  graph::bind_shapes(again, {}, 2, reference());
  EXPECT_EQ(result(again), (std::vector<double>{2, 4, 6, 8, 6, 8, 10, 12}));
}

// y = x + step added up over the steps, and the x of each step stacked.
ModelParts counting(std::int64_t steps) {
  ModelParts parts;
  parts.nodes = {
      node("Loop", {"steps", "", "x"}, {"last", "y"},
           {body_attribute(
               "body",
               {node("Cast", {"i"}, {"f"}, {int_attribute("to", 1)}),
                node("Add", {"state", "f"}, {"next"}, {}, "add"),
                node("Mul", {"next", "two"}, {"seen"}), node("Identity", {"go"}, {"on"})},
               {value_info("i", {}, 7), value_info("go", {}, 9), value_info("state", {1, 2})},
               {value_info("on", {}, 9), value_info("next", {1, 2}), value_info("seen", {1, 2})})},
           "count")};
  parts.initializers = {scalar_int("steps", steps), floats("two", {1}, {2})};
  parts.inputs = {value_info("x", {1, 2})};
  parts.outputs = {value_info("y", {steps, 1, 2})};
  return parts;
}

TEST(Resolve, WritesOutALoopStepByStep) {
  const Graph graph = bound(counting(3), 1);
  EXPECT_EQ(ops_of(graph),
            (std::map<std::string, int>{{"Add", 3}, {"Concat", 1}, {"Mul", 3}, {"Unsqueeze", 3}}));
  EXPECT_EQ(result(graph), (std::vector<double>{2, 4, 4, 6, 8, 10}));
}

TEST(Resolve, ALoopOfNoStepsGivesEmptyStacks) {
  const Graph graph = bound(counting(0), 1);
  EXPECT_TRUE(ops_of(graph).empty());
  EXPECT_EQ(graph.value(graph.outputs[0].value).shape, (Shape{0, 1, 2}));
}

TEST(Resolve, NamesTheStepInErrors) {
  ModelParts parts = counting(2);
  parts.inputs = {value_info("x", {1, 3})};
  parts.initializers[1] = floats("two", {2}, {2, 2});
  expect_error(ErrorCode::kInvalidModel, "step 0 of Loop 'count'", [&] { bound(parts, 1); });
}

TEST(Resolve, ALoopEndsWhereItsOwnConditionSaysSo) {
  ModelParts parts;
  parts.nodes = {node(
      "Loop", {"", "", "x"}, {"y"},
      {body_attribute("body",
                      {node("Add", {"s", "s"}, {"next"}), node("Less", {"i", "last"}, {"on"})},
                      {value_info("i", {}, 7), value_info("go", {}, 9), value_info("s", {-1, 4})},
                      {value_info("on", {}, 9), value_info("next", {-1, 4})})})};
  parts.initializers = {scalar_int("last", 2)};
  EXPECT_EQ(result(bound(parts, 1)), (std::vector<double>{8, 16, 24, 32}));
}

TEST(Resolve, SequencesAreListsOfValues) {
  ModelParts parts;  // as torch.chunk is exported without optimisation
  parts.nodes = {node("SplitToSequence", {"x", "two"}, {"parts"}, {int_attribute("axis", 1)}),
                 node("SequenceAt", {"parts", "one"}, {"right"}),
                 node("SequenceAt", {"parts", "last"}, {"same"}),
                 node("SequenceErase", {"parts", "zero"}, {"rest"}),
                 node("SequenceInsert", {"rest", "same", "zero"}, {"both"}),
                 node("ConcatFromSequence", {"both"}, {"y"}, {int_attribute("axis", 1)})};
  parts.initializers = {scalar_int("two", 2), scalar_int("one", 1), scalar_int("zero", 0),
                        scalar_int("last", -1)};
  const Graph graph = bound(parts, 1);
  EXPECT_EQ(ops_of(graph), (std::map<std::string, int>{{"Concat", 1}, {"Split", 1}}));
  EXPECT_EQ(result(graph), (std::vector<double>{3, 4, 3, 4}));
}

TEST(Resolve, RefusesASequenceWhereATensorIsMeant) {
  ModelParts parts;
  parts.nodes = {node("SequenceConstruct", {"x", "x"}, {"s"}), node("Relu", {"s"}, {"y"}, {}, "r")};
  expect_error(ErrorCode::kUnsupported, "input 0 of Relu 'r' is a sequence",
               [&] { bound(parts, 1); });
  parts.nodes[1] = node("Identity", {"s"}, {"y"});
  expect_error(ErrorCode::kUnsupported, "the output 'y' is a sequence", [&] { bound(parts, 1); });
}

TEST(Resolve, RefusesAPositionThatIsComputedFromData) {
  ModelParts parts;
  parts.nodes = {node("SequenceConstruct", {"x", "x"}, {"s"}),
                 node("ReduceSum", {"x"}, {"total"}, {int_attribute("keepdims", 0)}),
                 node("Cast", {"total"}, {"at"}, {int_attribute("to", 7)}),
                 node("SequenceAt", {"s", "at"}, {"y"}, {}, "pick")};
  expect_error(ErrorCode::kUnsupported, "in SequenceAt 'pick'", [&] { bound(parts, 1); });
}

TEST(Resolve, WhatABodyMakesCannotBeReadOutsideOfIt) {
  ModelParts parts = by_batch_size();
  parts.nodes.push_back(node("Relu", {"shift"}, {"z"}, {}, "outside"));
  expect_error(ErrorCode::kInvalidModel, "Relu 'outside' reads 'shift'", [&] { import(parts); });
}

TEST(Resolve, BoundsWhatLoopsInLoopsGive) {
  const auto state = value_info("s", {-1, 4});
  const auto head = std::vector{value_info("i", {}, 7), value_info("go", {}, 9), state};
  const auto tail = std::vector{value_info("on", {}, 9), value_info("next", {-1, 4})};
  std::vector<Message> inner = {node("Add", {"s", "s"}, {"next"}),
                                node("Identity", {"go"}, {"on"})};
  for (int depth = 0; depth < 4; ++depth) {
    inner = {
        node("Loop", {"steps", "", "s"}, {"next"}, {body_attribute("body", inner, head, tail)}),
        node("Identity", {"go"}, {"on"})};
  }
  ModelParts parts;
  parts.nodes = {
      node("Loop", {"steps", "", "x"}, {"y"}, {body_attribute("body", inner, head, tail)})};
  parts.initializers = {scalar_int("steps", 60)};
  expect_error(ErrorCode::kUnsupported, "gives more than 200000 nodes", [&] { bound(parts, 1); });
}

}  // namespace
}  // namespace temper::test
