// Scales, ranges, integers and places of a quantised model are those of onnxruntime's quantiser
// (tools/oracle/quantization.py), and the model gives what it gave, to their resolution.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <memory>

#include "backends/reference/reference_backend.h"
#include "graph/onnx/deploy/fold_batchnorm.h"
#include "graph/onnx/deploy/quantize_dynamic.h"
#include "graph/onnx/deploy/quantize_pack.h"
#include "graph/onnx/deploy/quantize_static.h"
#include "graph/onnx/deploy/write_qdq.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/evaluate.h"
#include "tests/graph/onnx/deploy/expected/quantization.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/surgery/prepared.h"
#include "tests/graph/onnx/wire_writer.h"
#include "training/formats/npz.h"

namespace temper::test {
namespace {

using graph::Calibration;
using graph::ModelEdit;
using graph::OnnxModel;

std::string deploy_fixture(const std::string& name) {
  return TEMPER_SOURCE_DIR "/tests/graph/onnx/deploy/fixtures/" + name;
}

Tensor inputs() { return training::NpzFile(deploy_fixture("quantize.npz")).read("x"); }

// Values of the model as it is now, found by their names in its graph, four samples at a time.
void run_values(const ModelEdit& edit, const std::vector<std::string>& names,
                const graph::TakeValue& take) {
  const auto reference = reference::make_reference_backend();
  const OnnxModel model = edit.model();
  const Tensor x = inputs();
  for (std::int64_t first = 0; first < x.shape()[0]; first += 4) {
    graph::Graph graph = model.build_graph(graph::standard_ops());
    graph::bind_shapes(graph, {}, 4, *reference);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const ValueId id = graph.find_value(names[i]);
      ASSERT_TRUE(id.valid()) << names[i];
      const Tensor value =
          graph::evaluate(graph, *reference, {{graph.inputs[0], rows(x, first, 4)}}, {id})[0];
      take(i, value.values<float>());
    }
  }
}

graph::QuantizeStaticOptions plain_options() {
  graph::QuantizeStaticOptions options;
  options.run = run_values;
  return options;
}

struct Quantised {
  explicit Quantised(graph::QuantizeStaticOptions options = plain_options())
      : model(OnnxModel::load(deploy_fixture("quantize.onnx"))), edit(model) {
    done = graph::quantize_static(edit, options);
    edit.write(path());
  }
  std::string path() const { return folder.path("out.onnx"); }
  std::map<std::string, std::int64_t> counts() const {
    const auto all = OnnxModel::load(path()).op_counts();
    return {all.begin(), all.end()};
  }
  std::vector<int> integers(const std::string& name) { return edit.read(name).values<int>(); }

  TemporaryFolder folder;
  OnnxModel model;
  ModelEdit edit;
  graph::CalibratedPlan done;
};

double largest_difference(const Tensor& a, const Tensor& b) {
  const std::vector<double> x = a.values<double>(), y = b.values<double>();
  double most = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    most = std::max(most, std::abs(x[i] - y[i]));
  }
  return most;
}

TEST(Quantization, ScalesAndZeroPointsAreOnnxruntimes) {
  for (const expected::Scale& one : expected::kScales) {
    const auto made = graph::quantization_of(
        one.low, one.high, one.is_signed ? DType::kInt8 : DType::kUInt8, one.symmetric);
    EXPECT_EQ(made.scales[0], one.scale) << one.low << " to " << one.high;
    EXPECT_EQ(made.zeros[0], one.zero) << one.low << " to " << one.high;
  }
}

TEST(Quantization, EachBlockOfAnAxisHasItsScale) {
  const Tensor weight = Tensor::from<float>(DType::kFloat32, {3, 2},
                                            std::vector<float>{7, 1, -3.5f, 2, 1.75f, -0.7f});
  const auto made = graph::weight_quantization(weight, DType::kInt4, 0, 2);
  EXPECT_EQ(made.scale_shape(weight.shape()), Shape({2, 2}));
  EXPECT_EQ(made.scales, (std::vector<float>{1, 2 / 7.0f, 0.25f, 0.1f}));
  EXPECT_EQ(graph::quantized(weight, made).values<int>(),
            (std::vector<int>{7, 3, -4, 7, 7, -7}));  // -3.5 to the even neighbour
}

TEST(Calibration, PercentileAndEntropyRangesAreOnnxruntimes) {
  for (const expected::Spread& one : expected::kSpreads) {
    graph::Histogram histogram{std::max(-one.low, one.high), one.counts, {one.low, one.high}};
    const double close = 1e-5 * histogram.threshold;
    const auto percentile = graph::percentile_range(histogram, expected::kPercentile);
    EXPECT_NEAR(percentile.low, one.percentile_low, close) << one.name;
    EXPECT_NEAR(percentile.high, one.percentile_high, close) << one.name;
    const auto entropy = graph::entropy_range(histogram, expected::kLevels);
    EXPECT_NEAR(entropy.low, one.entropy_low, close) << one.name;
    EXPECT_NEAR(entropy.high, one.entropy_high, close) << one.name;
  }
}

TEST(Calibration, TheLeastSquaresCutOutliersOffAndNothingElse) {
  graph::CalibrationOptions options;
  options.how = Calibration::kMse;
  const auto range_of = [&](const std::vector<float>& numbers) {
    graph::ValueWatch watch(options);
    watch.first_run(numbers);
    watch.second_run(numbers);
    return watch.range();
  };
  std::vector<float> numbers;
  for (int i = -1000; i <= 1000; ++i) {
    numbers.insert(numbers.end(), 50, static_cast<float>(i) / 1000);
  }
  EXPECT_NEAR(range_of(numbers).high, 1, 0.02);
  // One number x above them: N s^2 / 12 + (x - h)^2 with s = (1 + h) / 255 is least where
  // c (1 + h) = 2 (x - h), c = N / (6 x 255^2).
  const double c = 100050 / (6 * 255.0 * 255.0);
  numbers.push_back(3);
  EXPECT_NEAR(range_of(numbers).high, (6 - c) / (2 + c), 0.05);
  EXPECT_NEAR(range_of(numbers).low, -1, 0.02);
  numbers.back() = 1.3f;
  EXPECT_NEAR(range_of(numbers).high, (2.6 - c) / (2 + c), 0.05);
}

TEST(Calibration, BatchesDoNotMatter) {
  std::vector<float> numbers;
  for (int i = 0; i < 1000; ++i) {
    numbers.push_back(static_cast<float>(std::sin(i * 0.37)) * (i < 900 ? 1 : 4));
  }
  for (const Calibration how : {Calibration::kPercentile, Calibration::kEntropy}) {
    graph::CalibrationOptions options;
    options.how = how;
    options.percentile = 98;
    graph::ValueWatch whole(options), parts(options);
    const std::span<const float> all(numbers);
    whole.first_run(all);
    whole.second_run(all);
    parts.first_run(all.first(100));
    parts.first_run(all.subspan(100));
    parts.second_run(all.first(700));
    parts.second_run(all.subspan(700));
    EXPECT_EQ(parts.range().low, whole.range().low);
    EXPECT_EQ(parts.range().high, whole.range().high);
    EXPECT_LT(whole.range().high, 4);
  }
}

TEST(QuantizeStatic, ValuesWeightsAndBiasesAreOnnxruntimes) {
  Quantised made;
  for (const expected::Rounded& one : expected::kRounded) {
    ASSERT_TRUE(made.done.values.contains(one.value)) << one.value;
    EXPECT_NEAR(made.done.values[one.value].scales[0], one.scale, 1e-6 * one.scale) << one.value;
    EXPECT_EQ(made.done.values[one.value].zeros[0], one.zero) << one.value;
  }
  EXPECT_EQ(made.integers("conv1.weight_quantized"), expected::kConv1Weight);
  EXPECT_EQ(made.integers("fc.weight_quantized"), expected::kFcWeight);
  const std::vector<int> bias = made.integers("conv1.bias_quantized");
  ASSERT_EQ(bias.size(), expected::kConv1Bias.size());
  for (std::size_t i = 0; i < bias.size(); ++i) {
    EXPECT_NEAR(bias[i], expected::kConv1Bias[i], 1);  // the input's scale may differ in a digit
  }
}

TEST(QuantizeStatic, ReluIsFoldedAndTheLastProductGivesFloats) {
  Quantised made;
  // x, r1, p1, c2, r2, g2, f2; p1 and f2 with the scales of what they have their numbers from.
  EXPECT_EQ(made.done.plan.values,
            (std::vector<std::string>{"x", "r1", "p1", "c2", "r2", "g2", "f2"}));
  EXPECT_EQ(made.done.plan.same_as.at("p1"), "r1");
  EXPECT_EQ(made.done.plan.same_as.at("f2"), "g2");
  auto counts = made.counts();
  EXPECT_EQ(counts["QuantizeLinear"], 7);
  EXPECT_EQ(counts["DequantizeLinear"], 7 + 6);  // and three weights with their biases
  EXPECT_EQ(counts["Relu"], 2);
}

TEST(QuantizeStatic, OutputsAreTheSameToTheirResolution) {
  const Tensor x = inputs();
  const Tensor before = outputs_of(deploy_fixture("quantize.onnx"), x)[0];
  Quantised made;
  const double difference = largest_difference(before, outputs_of(made.path(), x)[0]);
  double most = 0;
  for (const double value : before.values<double>()) {
    most = std::max(most, std::abs(value));
  }
  EXPECT_LT(difference, 0.03 * most);
  EXPECT_GT(difference, 0);
}

TEST(QuantizeStatic, SymmetricValuesHaveTheZeroPointZeroAndKeepReluApart) {
  graph::QuantizeStaticOptions options = plain_options();
  options.plan.symmetric = true;
  Quantised made(options);
  for (const auto& [name, by] : made.done.values) {
    EXPECT_EQ(by.zeros[0], 0) << name;
  }
  EXPECT_TRUE(made.done.values.contains("c1"));
}

TEST(QuantizeStatic, OneScaleForAWeightWhereThatIsAsked) {
  graph::QuantizeStaticOptions options = plain_options();
  options.plan.per_channel = false;
  Quantised made(options);
  EXPECT_EQ(made.edit.header("conv1.weight_scale").elements, 1);
  EXPECT_EQ(made.edit.header("conv1.bias_scale").elements, 1);
}

TEST(QuantizeStatic, ASkippedLayerStaysAsItIs) {
  graph::QuantizeStaticOptions options = plain_options();
  options.plan.skip = [](std::string_view name) { return name == "conv2"; };
  Quantised made(options);
  EXPECT_EQ(made.edit.header("conv2.weight").dtype, DType::kFloat32);
  EXPECT_FALSE(made.done.values.contains("c2"));
  ASSERT_EQ(made.done.plan.left.size(), 1u);
  options.plan.skip = [](std::string_view) { return true; };
  expect_error(ErrorCode::kInvalidArgument, "no Conv, Gemm or MatMul of the model is left",
               [&] { Quantised none(options); });
}

TEST(QuantizeStatic, AnOldOpsetIsRefusedWithWhatToType) {
  const OnnxModel model = OnnxModel::load(deploy_fixture("normed.onnx"));
  ModelEdit edit(model);
  expect_error(ErrorCode::kUnsupported, "the model is of opset 11: add --opset 13",
               [&] { graph::quantize_static(edit, plain_options()); });
}

// Conv, ConvTranspose and Gemm of 8 bits, and what they give beside what they gave.
TEST(QuantizePack, WhatWasNotTrainedBecomesTheStaticFile) {
  Quantised packed_statically;
  graph::QuantizeStaticOptions options = plain_options();
  options.trains = true;
  Quantised training(options);
  EXPECT_EQ(training.counts()["QuantizeLinear"], 7 + 3);  // the weights too
  const OnnxModel model = OnnxModel::load(training.path());
  ModelEdit edit(model);
  EXPECT_EQ(graph::pack_quantized(edit), 3);
  const std::string path = training.folder.path("packed.onnx");
  edit.write(path);
  const auto counts = OnnxModel::load(path).op_counts();
  EXPECT_EQ((std::map<std::string, std::int64_t>{counts.begin(), counts.end()}),
            packed_statically.counts());
  const auto integers = [&](const char* name) { return edit.read(name).values<int>(); };
  EXPECT_EQ(integers("conv1.weight_integers"), expected::kConv1Weight);
  EXPECT_EQ(integers("fc.weight_integers"), expected::kFcWeight);
  EXPECT_EQ(integers("conv1.bias_quantized"), packed_statically.integers("conv1.bias_quantized"));
  EXPECT_EQ(largest_difference(outputs_of(packed_statically.path(), inputs())[0],
                               outputs_of(path, inputs())[0]),
            0);
}

// As quantize_static() stores it.
TEST(QuantizePack, ALayerWithOneOutputHasItsScalesInLists) {
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, 2})};
  parts.outputs = {value_info("y", {-1, 1})};
  parts.initializers = {floats("w", {1, 2}, {0.5f, -2}), floats("b", {1}, {0.25f})};
  parts.nodes = {node("Gemm", {"x", "w", "b"}, {"y"}, {int_attribute("transB", 1)}, "fc")};
  const TemporaryFolder folder;
  std::ofstream(folder.path("one.onnx"), std::ios::binary) << parts.bytes();
  for (const bool trains : {false, true}) {
    const OnnxModel model = OnnxModel::load(folder.path("one.onnx"));
    ModelEdit edit(model);
    graph::QuantizeStaticOptions options;
    options.trains = trains;
    options.run = [](const ModelEdit&, const std::vector<std::string>&, const auto& take) {
      take(0, std::vector<float>{-1, 3});
    };
    graph::quantize_static(edit, options);
    if (trains) {
      graph::pack_quantized(edit);
    }
    EXPECT_EQ(edit.header("w_scale").shape, Shape{1});
    EXPECT_EQ(edit.header("b_scale").shape, Shape{1});
    EXPECT_EQ(edit.read("b_quantized").values<int>(),
              std::vector<int>{static_cast<int>(std::lround(0.25 / (4.0 / 255 * 2 / 127)))});
  }
}

TEST(QuantizePack, RefusesAModelThatRoundsNoWeight) {
  const OnnxModel model = OnnxModel::load(deploy_fixture("quantize.onnx"));
  ModelEdit edit(model);
  expect_error(ErrorCode::kUnsupported, "--int8 training --calibrate DATA makes such a model",
               [&] { graph::pack_quantized(edit); });
}

// The weights train and the steps of the rounding stay.
TEST(QuantizePack, TheModelToTrainHasWeightsThatTrain) {
  graph::QuantizeStaticOptions options = plain_options();
  options.trains = true;
  const Quantised training(options);
  const graph::Graph graph = OnnxModel::load(training.path()).build_graph(graph::standard_ops());
  for (const char* name : {"conv1.weight", "conv2.weight", "fc.weight", "conv1.bias"}) {
    ASSERT_TRUE(graph.find_variable(name).valid()) << name;
    EXPECT_TRUE(graph.variable(graph.find_variable(name)).trainable) << name;
  }
  EXPECT_FALSE(graph.variable(graph.find_variable("conv1.weight_scale")).trainable);
}

TEST(QuantizeDynamic, ProductsQuantiseWhatTheyMultiplyAndTheRestStays) {
  const OnnxModel model = OnnxModel::load(deploy_fixture("normed.onnx"));
  ModelEdit edit(model);
  EXPECT_EQ(graph::quantize_dynamic(edit, {}), 2);  // without ConvTranspose
  const TemporaryFolder folder;
  const std::string out = folder.path("out.onnx");
  edit.write(out);
  const auto all = OnnxModel::load(out).op_counts();
  const std::map<std::string, std::int64_t> counts(all.begin(), all.end());
  EXPECT_EQ(counts.at("ConvInteger"), 1);
  EXPECT_EQ(counts.at("MatMulInteger"), 1);
  EXPECT_EQ(counts.at("DynamicQuantizeLinear"), 2);
  EXPECT_EQ(counts.at("ConvTranspose"), 1);
  EXPECT_FALSE(counts.contains("Gemm"));
  EXPECT_EQ(edit.find_tensor("fc.weight"), nullptr);
  const Tensor x = inputs();
  const std::vector<double> before =
      outputs_of(deploy_fixture("normed.onnx"), x)[0].values<double>();
  const std::vector<double> after = outputs_of(out, x)[0].values<double>();
  double signal = 0, noise = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    signal += before[i] * before[i];
    noise += (before[i] - after[i]) * (before[i] - after[i]);
  }
  EXPECT_LT(noise, 1e-3 * signal);
  EXPECT_GT(noise, 0);
}

TEST(QuantizeDynamic, LayersThatStayAreNamed) {
  const OnnxModel model = OnnxModel::load(deploy_fixture("normed.onnx"));
  ModelEdit edit(model);
  graph::QuantizeDynamicOptions options;
  options.skip = [](std::string_view name) { return name == "conv"; };
  EXPECT_EQ(graph::quantize_dynamic(edit, options), 1);
  const auto has = [&](const std::string& note) {
    return std::find(edit.notes().begin(), edit.notes().end(), note) != edit.notes().end();
  };
  EXPECT_TRUE(has("--int8 dynamic: 'conv' stays in floats: --skip"));
  EXPECT_TRUE(has("--int8 dynamic: 'up' stays in floats: ONNX has no ConvTranspose of integers"));
}

TEST(QuantizeBlocks, NeedsOpset21) {
  const OnnxModel model = OnnxModel::load(deploy_fixture("quantize.onnx"));
  ModelEdit edit(model);
  expect_error(ErrorCode::kUnsupported,
               "--int4 needs opset 21 or newer, and the model is of opset 13",
               [&] { graph::quantize_blocks(edit, {}); });
}

TEST(QuantizeBlocks, WeightsHaveFourBitsAndAScaleForEachBlock) {
  const OnnxModel model = OnnxModel::load(deploy_fixture("matrices.onnx"));
  ModelEdit edit(model);
  EXPECT_EQ(graph::quantize_blocks(edit, {.block = 16, .skip = {}}), 2);
  const TemporaryFolder folder;
  const std::string out = folder.path("out.onnx");
  edit.write(out);
  const OnnxModel made = OnnxModel::load(out);
  ModelEdit read(made);
  EXPECT_EQ(read.header("first.weight_quantized").file_bytes, 40 * 24 / 2);
  EXPECT_EQ(read.header("first.weight_scale").shape, Shape({3, 24}));
  EXPECT_EQ(read.header("second.weight_scale").shape, Shape({5, 2}));
  const training::NpzFile expected(deploy_fixture("matrices.npz"));  // by onnxruntime
  EXPECT_LT(largest_difference(expected.read("y"), outputs_of(out, expected.read("x"))[0]), 1e-4);
}

TEST(WriteQdq, ARoundedOutputKeepsItsNameAndReadersAreKnownByIt) {
  const OnnxModel model = OnnxModel::load(deploy_fixture("quantize.onnx"));
  ModelEdit edit(model);
  graph::QdqTable table;
  table.tensors["y"] = graph::quantization_of(-1, 1, DType::kInt8, true);
  table.tensors["f2"] = graph::quantization_of(0, 2, DType::kUInt8, false);
  table.readers["f2"] = {"y"};  // the Gemm
  graph::write_qdq(edit, table);
  const TemporaryFolder folder;
  edit.write(folder.path("out.onnx"));
  const OnnxModel made = OnnxModel::load(folder.path("out.onnx"));
  ASSERT_EQ(made.outputs().size(), 1u);
  EXPECT_EQ(made.outputs()[0].name, "y");
  const float step = table.tensors["y"].scales[0];
  for (const float value : outputs_of(folder.path("out.onnx"), inputs())[0].values<float>()) {
    EXPECT_NEAR(value / step, std::round(value / step), 1e-3);
    EXPECT_LE(std::abs(value), 1.01f);
  }
}

TEST(FoldBatchnorm, OutputsStayAndTheNodesAreGone) {
  const OnnxModel model = OnnxModel::load(deploy_fixture("normed.onnx"));
  ModelEdit edit(model);
  EXPECT_EQ(graph::fold_batchnorm(edit), 3);
  const TemporaryFolder folder;
  edit.write(folder.path("out.onnx"));
  const auto all = OnnxModel::load(folder.path("out.onnx")).op_counts();
  const std::map<std::string, std::int64_t> counts(all.begin(), all.end());
  EXPECT_EQ(counts.at("BatchNormalization"), 1);  // behind a Flatten
  EXPECT_EQ(edit.find_tensor("n1.mean"), nullptr);
  const Tensor x = inputs();
  const Tensor before = outputs_of(deploy_fixture("normed.onnx"), x)[0];
  EXPECT_LT(largest_difference(before, outputs_of(folder.path("out.onnx"), x)[0]), 1e-4);
}

}  // namespace
}  // namespace temper::test
