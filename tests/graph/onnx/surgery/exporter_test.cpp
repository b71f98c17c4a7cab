// What exporters fold, merge, rename or drop is put back, and the outputs stay as they are.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "backends/reference/reference_backend.h"
#include "graph/autodiff/gradient.h"
#include "graph/ir/builder.h"
#include "graph/onnx/surgery/findings.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/evaluate.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/surgery/prepared.h"

namespace temper::test {
namespace {

using graph::PrepareOptions;

void expect_same_outputs(const std::string& from, const PreparedModel& made, const Tensor& x,
                         double tolerance) {
  const std::vector<double> before = outputs_of(from, x)[0].values<double>();
  const std::vector<double> after = made.outputs(x)[0].values<double>();
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_NEAR(after[i], before[i], tolerance * (1 + std::abs(before[i])));
  }
}

std::int64_t count_of(const graph::OnnxModel& model, const std::string& op) {
  for (const auto& [name, count] : model.op_counts()) {
    if (name == op) {
      return count;
    }
  }
  return 0;
}

// Of the sum of the output for the indices 1, 0, 1.
std::vector<double> gradient_of(const PreparedModel& made, const std::string& weight) {
  const std::unique_ptr<Backend> reference = reference::make_reference_backend();
  const graph::OnnxModel model = made.load();
  graph::Graph graph = model.build_graph(graph::standard_ops());
  graph::bind_shapes(graph, {}, 3, *reference);
  graph::Builder builder(graph, "the sum");
  ValueId sum = graph.outputs[0].value;
  for (int axis = graph.value(sum).shape.rank(); axis-- > 0;) {
    sum = builder.reduce_sum(sum, {axis}, false);
  }
  const std::vector<ValueId> wrt = {graph.read_variable(graph.find_variable(weight))};
  const std::vector<ValueId> dw = graph::gradient(graph, sum, wrt);
  const Tensor x =
      Tensor::from<std::int64_t>(DType::kInt64, {3}, std::vector<std::int64_t>{1, 0, 1});
  return graph::evaluate(graph, *reference, {{graph.inputs[0], x}}, dw)[0].values<double>();
}

bool trains(const PreparedModel& made, const std::string& name) {
  std::vector<graph::TensorDecision> decisions;
  made.load().build_graph(graph::standard_ops(), {}, &decisions);
  const auto found = std::find_if(decisions.begin(), decisions.end(),
                                  [&](const auto& one) { return one.name == name; });
  EXPECT_NE(found, decisions.end()) << name;
  return found != decisions.end() && found->trainable;
}

graph::NameTest with(const std::string& part) {
  return [part](std::string_view name) { return name.find(part) != std::string_view::npos; };
}

TEST(Untie, GivesEachModuleItsOwnCopyOfWhatWasEqual) {
  const std::string from = surgery_fixture("vit.onnx");
  PrepareOptions options;
  options.untie = true;
  const PreparedModel made(from, options);
  // Five LayerNorms shared one scale and one shift.
  for (const char* module :
       {"blocks.0.norm1", "blocks.0.norm2", "blocks.1.norm1", "blocks.1.norm2", "norm"}) {
    const std::string name = module;
    EXPECT_TRUE(made.tensor(name + ".weight").defined()) << name;
    EXPECT_TRUE(trains(made, name + ".bias")) << name;
  }
  EXPECT_NE(made.done.notes[0].find("2 tensors"), std::string::npos) << made.done.notes[0];
  expect_same_outputs(from, made, samples_of("vit", 1), 0);
}

// The node with the module's path that PyTorch's exporter writes.
Message scoped(Message node, const std::string& module) {
  return node.message(
      9, Message().text(1, "pkg.torch.onnx.name_scopes").text(2, "['', '" + module + "', 'op']"));
}

// w is the table of an embedding and the weight of the head: a tie that is meant.
std::string tied_model() {
  ModelParts parts;
  parts.nodes = {scoped(node("Gather", {"w", "x"}, {"h"}), "embedding"),
                 scoped(node("MatMul", {"h", "w"}, {"y"}), "head")};
  parts.inputs = {value_info("x", {-1}, 7)};
  parts.outputs = {value_info("y", {-1, 2})};
  parts.initializers = {floats("w", {2, 2}, {1, 2, 3, 4})};
  return parts.bytes();
}

TEST(Untie, LeavesATieOfAnEmbeddingAndAHeadUnlessItIsNamed) {
  const TemporaryFolder folder;
  const std::string from = folder.write("m.onnx", tied_model());
  PrepareOptions options;
  options.untie = true;
  const PreparedModel left(from, options);
  EXPECT_EQ(TemporaryFolder::read_all(left.path()), TemporaryFolder::read_all(from));
  EXPECT_NE(left.done.notes[0].find("still shared, as a model means it: 'w'"), std::string::npos);
  options.untie_match = with("w");
  const PreparedModel made(from, options);
  EXPECT_EQ(made.tensor("head.weight").values<float>(), (std::vector<float>{1, 2, 3, 4}));
  options.untie_match = with("nothing");
  expect_error(ErrorCode::kInvalidArgument, "names no weight that several nodes read",
               [&] { PreparedModel(from, options); });
}

TEST(ReadableNames, AreThoseOfTheModules) {
  const std::string from = surgery_fixture("vit.onnx");
  PrepareOptions options;
  options.readable_names = true;
  const PreparedModel made(from, options);
  EXPECT_EQ(made.tensor("blocks.0.attn.qkv.weight").shape(), (Shape{12, 36}));
  EXPECT_TRUE(made.tensor("blocks.1.fc2.weight").defined());
  EXPECT_FALSE(made.tensor("val_75").defined());
  expect_same_outputs(from, made, samples_of("vit", 1), 0);
  const TemporaryFolder folder;
  ModelParts parts;
  parts.nodes = {node("Relu", {"x"}, {"y"})};
  expect_error(ErrorCode::kInvalidArgument, "pkg.torch.onnx.name_scopes",
               [&] { PreparedModel(folder.write("m.onnx", parts.bytes()), options); });
}

TEST(ReadableNames, AreReadInsideOfBranchesToo) {
  const TemporaryFolder folder;
  ModelParts parts;
  parts.nodes = {scoped(node("MatMul", {"x", "val_7"}, {"h"}), "fc"),
                 node("If", {"c"}, {"y"},
                      {body_attribute("then_branch", {node("MatMul", {"h", "val_7"}, {"t"})}, {},
                                      {value_info("t", {-1, 4})}),
                       body_attribute("else_branch", {node("Identity", {"h"}, {"e"})}, {},
                                      {value_info("e", {-1, 4})})})};
  parts.initializers = {floats("val_7", {4, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7}),
                        raw_tensor<char>("c", 9, {}, {1})};
  const std::string from = folder.write("m.onnx", parts.bytes());
  PrepareOptions options;
  options.readable_names = true;
  const PreparedModel made(from, options);
  EXPECT_EQ(TemporaryFolder::read_all(made.path()).find("val_7"), std::string::npos);
  expect_same_outputs(
      from, made, Tensor::from<float>(DType::kFloat32, {1, 4}, std::vector<float>{1, 2, 3, 4}), 0);
}

TEST(RestoreBatchNorm, ComesBehindTheConvolutionsItWasFoldedInto) {
  const std::string from = surgery_fixture("pictures.onnx");
  PrepareOptions options;
  options.restore_batchnorm = true;
  const PreparedModel made(from, options);
  EXPECT_EQ(count_of(made.load(), "BatchNormalization"), 2);
  EXPECT_EQ(made.tensor("bn1.weight").values<float>(), std::vector<float>(6, 1));
  EXPECT_TRUE(trains(made, "bn2.bias"));
  for (const graph::Finding& one : graph::find_what_exporters_did(made.load())) {
    EXPECT_NE(one.edit, "--restore-batchnorm");
  }
  // The variance is 1 less epsilon, rounded.
  expect_same_outputs(from, made, samples_of("pictures", 1), 1e-6);
  expect_error(ErrorCode::kInvalidArgument, "the file does not say which Conv had one",
               [&] { PreparedModel(surgery_fixture("segment.onnx"), options); });
  options.match = with("mid");
  const PreparedModel one(surgery_fixture("segment.onnx"), options);
  EXPECT_EQ(count_of(one.load(), "BatchNormalization"), 1);
}

TEST(RestoreBias, AddsZerosToLayersOfAllForms) {
  const TemporaryFolder folder;
  ModelParts parts;
  parts.nodes = {node("Gemm", {"x", "w"}, {"g"}), node("MatMul", {"g", "w"}, {"m"}),
                 node("MatMul", {"m", "w"}, {"n"}), node("Add", {"n", "b"}, {"y"})};
  parts.initializers = {floats("w", {4, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7}),
                        floats("b", {4}, {1, 2, 3, 4})};
  const std::string from = folder.write("m.onnx", parts.bytes());
  PrepareOptions options;
  options.restore_bias = true;
  const PreparedModel made(from, options);
  EXPECT_NE(made.done.notes[0].find("2 layers"), std::string::npos) << made.done.notes[0];
  EXPECT_TRUE(trains(made, "w.bias"));
  EXPECT_TRUE(trains(made, "w.bias_2"));
  expect_same_outputs(
      from, made, Tensor::from<float>(DType::kFloat32, {1, 4}, std::vector<float>{1, 2, 3, 4}), 0);
}

TEST(RestoreBias, CountsTheChannelsOfATransposedConvolutionInGroups) {
  const TemporaryFolder folder;
  ModelParts parts;
  parts.nodes = {node("ConvTranspose", {"x", "w"}, {"y"}, {int_attribute("group", 2)}, "up")};
  parts.inputs = {value_info("x", {-1, 2, 2, 2})};
  parts.outputs = {value_info("y", {-1, 6, 2, 2})};
  parts.initializers = {floats("w", {2, 3, 1, 1}, {1, 2, 3, 4, 5, 6})};
  const std::string from = folder.write("m.onnx", parts.bytes());
  PrepareOptions options;
  options.restore_bias = options.restore_batchnorm = true;
  options.match = with("up");
  const PreparedModel made(from, options);
  EXPECT_EQ(made.tensor("w.bias").shape(), (Shape{6}));
  EXPECT_EQ(made.tensor("w.bn.running_var").shape(), (Shape{6}));
  expect_same_outputs(from, made,
                      Tensor::from<float>(DType::kFloat32, {1, 2, 2, 2},
                                          std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8}),
                      1e-6);
}

TEST(InsertDropout, ComesBeforeTheLastLayerOrBehindThoseThatAreNamed) {
  const std::string from = surgery_fixture("pictures.onnx");
  PrepareOptions options;
  options.dropout = graph::DropoutOptions{0.25, {}, {}};
  const PreparedModel last(from, options);
  EXPECT_EQ(count_of(last.load(), "Dropout"), 1);
  expect_same_outputs(from, last, samples_of("pictures", 1), 0);
  options.dropout->match = with("conv");
  const PreparedModel two(from, options);
  EXPECT_EQ(count_of(two.load(), "Dropout"), 2);
  expect_same_outputs(from, two, samples_of("pictures", 1), 0);
  options.dropout->ratio = 1;
  expect_error(ErrorCode::kInvalidArgument, "--insert-dropout is 1",
               [&] { PreparedModel(from, options); });
}

TEST(StripActivation, GivesTheLogitsUnderTheOutputsName) {
  const std::string from = surgery_fixture("pictures.onnx");
  PrepareOptions options;
  options.strip_activation = true;
  const PreparedModel made(from, options);
  EXPECT_EQ(count_of(made.load(), "Softmax"), 0);
  EXPECT_EQ(made.load().outputs()[0].name, graph::OnnxModel::load(from).outputs()[0].name);
  const Tensor x = samples_of("pictures", 1);
  const std::vector<double> share = outputs_of(from, x)[0].values<double>();
  const std::vector<double> logits = made.outputs(x)[0].values<double>();
  for (std::size_t i = 1; i < share.size(); ++i) {
    EXPECT_NEAR(logits[i] - logits[0], std::log(share[i] / share[0]), 1e-4);
  }
  expect_error(ErrorCode::kInvalidArgument, "not by a Softmax",
               [&] { PreparedModel(made.path(), options); });
}

TEST(LiftConstants, WeightsInConstantNodesBecomeInitializers) {
  const TemporaryFolder folder;
  ModelParts parts;
  parts.nodes = {
      node("Constant", {}, {"w"},
           {tensor_attribute("value", floats("", {4, 4}, std::vector<float>(16, 0.5f)))}),
      node("MatMul", {"x", "w"}, {"y"})};
  const std::string from = folder.write("m.onnx", parts.bytes());
  PrepareOptions options;
  options.lift_constants = true;
  const PreparedModel made(from, options);
  EXPECT_EQ(count_of(made.load(), "Constant"), 0);
  EXPECT_EQ(made.tensor("w").values<float>(), std::vector<float>(16, 0.5f));
  // Before IR version 4 an initializer is an input as well.
  parts.ir = 3;
  const PreparedModel old(folder.write("old.onnx", parts.bytes()), options);
  EXPECT_EQ(old.load().inputs().size(), 1u);
  EXPECT_NE(TemporaryFolder::read_all(old.path()).find("w"), std::string::npos);
}

TEST(PaddingIdx, GivesTheSameAndLetsNothingFlowIntoTheRow) {
  const TemporaryFolder folder;
  const std::string from = folder.write("m.onnx", tied_model());
  PrepareOptions options;
  options.padding_rows = {{"w", 1}};
  const PreparedModel made(from, options);
  expect_same_outputs(
      from, made,
      Tensor::from<std::int64_t>(DType::kInt64, {3}, std::vector<std::int64_t>{1, 0, 1}), 0);
  EXPECT_FALSE(trains(made, "w.padding"));
  // Of the sum of a table's rows 1, 0, 1 the gradient is 1 for row 0 and, padded, 0 for row 1.
  ModelParts alone;
  alone.nodes = {node("Gather", {"w", "x"}, {"y"})};
  alone.inputs = {value_info("x", {-1}, 7)};
  alone.outputs = {value_info("y", {-1, 2})};
  alone.initializers = {floats("w", {2, 2}, {1, 2, 3, 4})};
  const PreparedModel table(folder.write("table.onnx", alone.bytes()), options);
  EXPECT_EQ(gradient_of(table, "w"), (std::vector<double>{1, 1, 0, 0}));
  options.padding_rows = {{"w", 1}, {"w", 0}};
  const PreparedModel both(folder.write("both.onnx", alone.bytes()), options);
  EXPECT_EQ(gradient_of(both, "w"), (std::vector<double>{0, 0, 0, 0}));
  options.padding_rows = {{"w", 2}};
  expect_error(ErrorCode::kInvalidArgument, "no row 2", [&] { PreparedModel(from, options); });
  options.padding_rows = {{"v", 0}};
  expect_error(ErrorCode::kInvalidArgument, "such tables are 'w'",
               [&] { PreparedModel(from, options); });
}

TEST(Inference, BringsNodesInTrainingFormToInferenceForm) {
  const TemporaryFolder folder;
  ModelParts parts;
  parts.nodes = {node("BatchNormalization", {"x", "s", "b", "m", "v"}, {"y", "m2", "v2"},
                      {int_attribute("training_mode", 1)})};
  for (const char* name : {"s", "b", "m", "v"}) {
    parts.initializers.push_back(floats(name, {4}, {1, 2, 3, 4}));
  }
  const std::string from = folder.write("m.onnx", parts.bytes());
  const auto found = graph::find_what_exporters_did(graph::OnnxModel::load(from));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].edit, "--inference");
  PrepareOptions options;
  options.inference = true;
  const PreparedModel made(from, options);
  EXPECT_TRUE(graph::find_what_exporters_did(made.load()).empty());
  // (x - m) / sqrt(v + 1e-5) s + b of channel 1, where x is 1 and the others 2
  const Tensor x = Tensor::from<float>(DType::kFloat32, {1, 4}, std::vector<float>(4, 1));
  EXPECT_NEAR(made.outputs(x)[0].values<double>()[1], (1 - 2) / std::sqrt(2 + 1e-5) * 2 + 2, 1e-5);
}

TEST(Findings, NameTheEditThatUndoesEach) {
  const auto edits = [](const std::string& path) {
    std::vector<std::string> found;
    for (const graph::Finding& one : graph::find_what_exporters_did(graph::OnnxModel::load(path))) {
      found.push_back(one.edit);
    }
    return found;
  };
  EXPECT_EQ(
      edits(surgery_fixture("pictures.onnx")),
      (std::vector<std::string>{"--strip-activation", "--restore-batchnorm", "--dynamic-batch"}));
  EXPECT_EQ(edits(surgery_fixture("vit.onnx")),
            (std::vector<std::string>{"--untie", "--readable-names", "--dynamic-batch"}));
  // Undone, nothing is left to say.
  PrepareOptions options;
  options.untie = options.readable_names = options.dynamic_batch = true;
  const PreparedModel made(surgery_fixture("vit.onnx"), options);
  EXPECT_TRUE(edits(made.path()).empty());
  expect_same_outputs(surgery_fixture("vit.onnx"), made, samples_of("vit", 1), 1e-6);
}

}  // namespace
}  // namespace temper::test
