// Adapters of every kind of layer: as they are added, trained and merged again, and where they come
// from a file that peft, or an earlier run, wrote (tools/oracle/peft_adapters.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "graph/onnx/export.h"
#include "graph/onnx/surgery/linear_layers.h"
#include "graph/onnx/surgery/lora.h"
#include "graph/ops/standard_ops.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/surgery/prepared.h"
#include "training/formats/npz.h"
#include "training/records/adapter_files.h"

namespace temper::test {
namespace {

using graph::PrepareOptions;

PrepareOptions lora(std::int64_t rank, const std::string& part) {
  PrepareOptions options;
  options.lora = graph::LoraOptions{};
  options.lora->rank = rank;
  options.lora->alpha = 2.0 * static_cast<double>(rank);
  options.lora->seed = 3;
  options.lora->match = [part](std::string_view name) {
    return name.find(part) != std::string_view::npos;
  };
  return options;
}

PrepareOptions merge() {
  PrepareOptions options;
  options.extract_lora = options.merge_lora = true;
  return options;
}

PrepareOptions load(const graph::LoraLoad& from) {
  PrepareOptions options;
  options.lora_load = from;
  return options;
}

// The adapters with values in B, as training leaves them.
std::string trained(const PreparedModel& made, const TemporaryFolder& folder) {
  std::map<std::string, Tensor> values;
  const graph::OnnxModel model = made.load();
  const graph::Graph graph = model.build_graph(graph::standard_ops());
  for (int i = 0; i < graph.variable_count(); ++i) {
    const graph::Variable& variable = graph.variable(VariableId{i});
    const bool is_adapter =
        variable.name.ends_with(graph::kLoraB) || variable.name.ends_with(graph::kLoraA);
    EXPECT_TRUE(variable.trainable || !is_adapter) << variable.name;
    if (variable.name.ends_with(graph::kLoraB)) {
      std::vector<double> numbers;
      for (std::int64_t j = 0; j < variable.shape.element_count(); ++j) {
        numbers.push_back(std::sin(static_cast<double>(j * 7 + i)));
      }
      values[variable.name] = Tensor::from<double>(DType::kFloat32, variable.shape, numbers);
    }
  }
  EXPECT_FALSE(values.empty());
  graph::export_model(model, values, folder.path("trained.onnx"));
  return folder.path("trained.onnx");
}

double apart(const std::vector<double>& a, const std::vector<double>& b) {
  double far = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    far = std::max(far, std::abs(a[i] - b[i]) / (1 + std::abs(b[i])));
  }
  return a.size() == b.size() ? far : HUGE_VAL;
}

// Untrained adapters change nothing; merged, trained ones give what they give beside the layer;
// taken from there into the first model they give the same again.
void expect_round_trip(const std::string& from, const PrepareOptions& options, const Tensor& x) {
  const TemporaryFolder folder;
  const PreparedModel made(from, options);
  const std::vector<double> before = outputs_of(from, x)[0].values<double>();
  EXPECT_LE(apart(made.outputs(x)[0].values<double>(), before), 0);
  const std::string adapted = trained(made, folder);
  const std::vector<double> expected = outputs_of(adapted, x)[0].values<double>();
  EXPECT_GT(apart(expected, before), 1e-2);
  const PreparedModel merged(adapted, merge());
  EXPECT_LE(apart(merged.outputs(x)[0].values<double>(), expected), 1e-6);
  EXPECT_EQ(merged.load().op_counts(), graph::OnnxModel::load(from).op_counts());
  const std::string file = folder.path("adapters.safetensors");
  training::write_adapters(file, merged.done.adapters);
  for (const std::string& source : {file, adapted}) {
    const PreparedModel again(from, load(training::read_adapters(source)));
    EXPECT_LE(apart(again.outputs(x)[0].values<double>(), expected), 1e-6) << source;
  }
}

TEST(LoraForms, AConvolutionHasTwoOfThem) {
  expect_round_trip(surgery_fixture("pictures.onnx"), lora(2, "conv"), samples_of("pictures", 1));
  const PreparedModel made(surgery_fixture("pictures.onnx"), lora(2, "conv1"));
  EXPECT_EQ(made.tensor("conv1.lora_A").shape(), (Shape{2, 3, 3, 3}));
  EXPECT_EQ(made.tensor("conv1.lora_B").shape(), (Shape{6, 2, 1, 1}));
  // With a stride, and a picture of the same size in front of the last layer.
  expect_round_trip(surgery_fixture("segment.onnx"), lora(1, "down"), samples_of("segment", 1));
}

std::vector<float> ramp(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>(std::cos(static_cast<double>(i * 5 + 1)));
  }
  return values;
}

Tensor ramp_input(const Shape& shape) {
  return Tensor::from<float>(DType::kFloat32, shape,
                             ramp(static_cast<std::size_t>(shape.element_count())));
}

TEST(LoraForms, AGemmHasItsWeightEitherWayAndAFactorOfItsOwn) {
  for (const std::int64_t turned : {0, 1}) {
    const TemporaryFolder folder;
    ModelParts parts;
    parts.nodes = {node("Gemm", {"x", "fc.weight", "fc.bias"}, {"y"},
                        {int_attribute("transB", turned), float_attribute("alpha", 0.5f),
                         float_attribute("beta", 2.0f)})};
    parts.inputs = {value_info("x", {3, 4})};
    parts.outputs = {value_info("y", {3, 6})};
    parts.initializers = {
        turned == 0 ? floats("fc.weight", {4, 6}, ramp(24)) : floats("fc.weight", {6, 4}, ramp(24)),
        floats("fc.bias", {6}, ramp(6))};
    expect_round_trip(folder.write("m.onnx", parts.bytes()), lora(2, "fc"), ramp_input({3, 4}));
  }
}

// Queries, keys and values in one node, as onnxruntime's optimiser writes them.
std::string fused_attention() {
  ModelParts parts;
  parts.nodes = {node("Attention", {"x", "qkv.weight", "qkv.bias"}, {"y"},
                      {int_attribute("num_heads", 2)}, "attention", "com.microsoft")};
  parts.inputs = {value_info("x", {1, 3, 4})};
  parts.outputs = {value_info("y", {1, 3, 4})};
  parts.initializers = {floats("qkv.weight", {4, 12}, ramp(48)),
                        floats("qkv.bias", {12}, ramp(12))};
  return parts.bytes();
}

TEST(LoraForms, AnOpThatDoesMoreThanTheProductHasItInItsWeight) {
  const TemporaryFolder folder;
  const std::string from = folder.write("m.onnx", fused_attention());
  expect_round_trip(from, lora(2, "qkv"), ramp_input({1, 3, 4}));
  PrepareOptions options = lora(2, "qkv");
  options.lora->dropout = 0.5;
  expect_error(ErrorCode::kUnsupported, "where there is no dropout",
               [&] { PreparedModel(from, options); });
}

TEST(LoraForms, DropoutIsInFrontOfTheAdapterOnly) {
  PrepareOptions options = lora(2, "fc");
  options.lora->dropout = 0.25;
  const std::string from = surgery_fixture("pictures.onnx");
  expect_round_trip(from, options, samples_of("pictures", 1));
  const PreparedModel made(from, options);
  const std::vector<std::pair<std::string, std::int64_t>> ops = made.load().op_counts();
  EXPECT_NE(std::find(ops.begin(), ops.end(), std::pair<std::string, std::int64_t>("Dropout", 1)),
            ops.end());
  options.lora->dropout = 1;
  expect_error(ErrorCode::kInvalidArgument, "below 1", [&] { PreparedModel(from, options); });
}

TEST(LoraForms, SomeLayersHaveAnotherRank) {
  PrepareOptions options = lora(2, "attn");
  options.lora->ranks = {
      {[](std::string_view name) { return name.find("out") != std::string_view::npos; }, 5}};
  const PreparedModel made(surgery_fixture("vit.onnx"), options);
  EXPECT_EQ(made.tensor("blocks.1.attn.qkv.lora_A").shape(), (Shape{12, 2}));
  EXPECT_EQ(made.tensor("blocks.0.attn.out.lora_A").shape(), (Shape{12, 5}));
  EXPECT_NE(made.done.notes.at(0).find("of rank 2 or 5"), std::string::npos);
}

TEST(LoraForms, WhatCanHaveNoneSaysWhy) {
  const TemporaryFolder folder;
  ModelParts parts;
  parts.nodes = {node("Conv", {"x", "w"}, {"y"}, {int_attribute("group", 2)}, "grouped")};
  parts.inputs = {value_info("x", {1, 4, 5, 5})};
  parts.outputs = {value_info("y", {1, 4, 3, 3})};
  parts.initializers = {floats("w", {4, 2, 3, 3}, ramp(72))};
  expect_error(ErrorCode::kUnsupported, "it is a convolution in groups",
               [&] { PreparedModel(folder.write("m.onnx", parts.bytes()), lora(1, "grouped")); });
  ModelParts twice;
  twice.nodes = {node("MatMul", {"x", "fc.weight"}, {"h"}),
                 node("MatMul", {"h", "fc.weight"}, {"y"})};
  twice.initializers = {floats("fc.weight", {4, 4}, ramp(16))};
  expect_error(ErrorCode::kUnsupported, "used more than once",
               [&] { PreparedModel(folder.write("t.onnx", twice.bytes()), lora(1, "fc")); });
}

TEST(LoraLoad, AdaptersOfPeftGiveWhatItsModelGives) {
  const std::string from = surgery_fixture("peft/base.onnx");
  const graph::LoraLoad adapters = training::read_adapters(surgery_fixture("peft"));
  EXPECT_EQ(adapters.dropout, 0.25);
  const training::NpzFile oracle(surgery_fixture("peft/peft.npz"));
  const Tensor x = oracle.read("x");
  const std::vector<double> expected = oracle.read("y").values<double>();
  const PreparedModel made(from, load(adapters));
  EXPECT_GT(apart(outputs_of(from, x)[0].values<double>(), expected), 1e-1);
  EXPECT_LE(apart(made.outputs(x)[0].values<double>(), expected), 1e-6);
  EXPECT_NE(made.done.notes.at(0).find("3 layers have the adapters"), std::string::npos);
  PrepareOptions both = load(adapters);
  both.merge_lora = true;
  const PreparedModel merged(from, both);
  EXPECT_LE(apart(merged.outputs(x)[0].values<double>(), expected), 1e-6);
  EXPECT_EQ(merged.load().op_counts(), graph::OnnxModel::load(from).op_counts());
}

TEST(LoraLoad, SaysWhatDoesNotFit) {
  const std::string from = surgery_fixture("peft/base.onnx");
  graph::LoraLoad adapters = training::read_adapters(surgery_fixture("peft"));
  adapters.adapters[0].layer = "vision.tower";
  expect_error(ErrorCode::kInvalidArgument, "'vision.tower', which the model has not",
               [&] { PreparedModel(from, load(adapters)); });
  // A path in front is no difference.
  adapters.adapters[0].layer = "net.conv";
  EXPECT_NO_THROW(PreparedModel(from, load(adapters)));
  adapters.adapters[0].layer = "fc";
  adapters.adapters[1].layer = "conv";
  expect_error(ErrorCode::kInvalidArgument, "but layer 'fc' takes",
               [&] { PreparedModel(from, load(adapters)); });
  adapters = training::read_adapters(surgery_fixture("peft"));
  adapters.adapters[0].factor.reset();
  expect_error(ErrorCode::kInvalidArgument, "does not say alpha",
               [&] { PreparedModel(from, load(adapters)); });
}

}  // namespace
}  // namespace temper::test
