// Adapters: they change nothing at first, merging gives what the adapter form gives, and what
// cannot be merged is refused.
#include "graph/onnx/surgery/lora.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "graph/onnx/export.h"
#include "graph/onnx/surgery/findings.h"
#include "graph/onnx/surgery/linear_layers.h"
#include "graph/ops/standard_ops.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/surgery/prepared.h"
#include "training/formats/npz.h"

namespace temper::test {
namespace {

graph::PrepareOptions lora(std::int64_t rank, double alpha, const std::string& part) {
  graph::PrepareOptions options;
  options.lora = graph::LoraOptions{};
  options.lora->rank = rank;
  options.lora->alpha = alpha;
  options.lora->seed = 3;
  options.lora->match = [part](std::string_view name) {
    return name.find(part) != std::string_view::npos;
  };
  return options;
}

graph::PrepareOptions merge() {
  graph::PrepareOptions options;
  options.extract_lora = true;
  options.merge_lora = true;
  return options;
}

// The adapters with values in B, as training leaves them.
std::string trained(const PreparedModel& made, const TemporaryFolder& folder) {
  std::map<std::string, Tensor> values;
  const graph::OnnxModel model = made.load();
  const graph::Graph graph = model.build_graph(graph::standard_ops());
  for (int i = 0; i < graph.variable_count(); ++i) {
    const graph::Variable& variable = graph.variable(VariableId{i});
    if (variable.name.ends_with(graph::kLoraB)) {
      EXPECT_TRUE(variable.trainable) << variable.name;
      std::vector<double> numbers;
      for (std::int64_t j = 0; j < variable.shape.element_count(); ++j) {
        numbers.push_back(std::sin(static_cast<double>(j * 7 + i)));
      }
      values[variable.name] = Tensor::from<double>(DType::kFloat32, variable.shape, numbers);
    }
    EXPECT_FALSE(variable.trainable && variable.name.ends_with(graph::kLoraFactor));
  }
  EXPECT_FALSE(values.empty());
  graph::export_model(model, values, folder.path("trained.onnx"));
  return folder.path("trained.onnx");
}

TEST(Lora, ChangesNothingUntilItIsTrained) {
  const std::string from = surgery_fixture("vit.onnx");
  const PreparedModel made(from, lora(2, 4, "attn"));
  const Tensor x = samples_of("vit", 1);
  EXPECT_EQ(made.outputs(x)[0].values<float>(), outputs_of(from, x)[0].values<float>());
  // Two projections in each of two blocks, by their module paths.
  EXPECT_EQ(made.tensor("blocks.1.attn.qkv.lora_A").shape(), (Shape{12, 2}));
  EXPECT_EQ(made.tensor("blocks.0.attn.out.lora_B").shape(), (Shape{2, 12}));
  EXPECT_NE(made.done.notes.at(0).find("4 layers"), std::string::npos);
}

TEST(Lora, MergedGivesWhatTheAdapterFormGives) {
  const std::string from = surgery_fixture("vit.onnx");
  const TemporaryFolder folder;
  const std::string adapted = trained(PreparedModel(from, lora(2, 4, "attn")), folder);
  const PreparedModel merged(adapted, merge());
  const Tensor x = samples_of("vit", 1);
  const std::vector<double> expected = outputs_of(adapted, x)[0].values<double>();
  const std::vector<double> before = outputs_of(from, x)[0].values<double>();
  const std::vector<double> actual = merged.outputs(x)[0].values<double>();
  double moved = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(actual[i], expected[i], 1e-6 * (1 + std::abs(expected[i])));
    moved = std::max(moved, std::abs(expected[i] - before[i]));
  }
  EXPECT_GT(moved, 1e-2);
  // The same nodes and tensors as before the adapters.
  const graph::OnnxModel file = merged.load();
  EXPECT_EQ(file.op_counts(), graph::OnnxModel::load(from).op_counts());
  EXPECT_FALSE(merged.tensor("blocks.0.attn.qkv.lora_A").defined());
}

TEST(Lora, AdaptersAreGivenAsThePeftPackageStoresThem) {
  const TemporaryFolder folder;
  const PreparedModel made(surgery_fixture("vit.onnx"), lora(2, 4, "attn"));
  const PreparedModel merged(trained(made, folder), merge());
  const std::vector<graph::LoraAdapter>& adapters = merged.done.adapters;
  ASSERT_EQ(adapters.size(), 4u);
  EXPECT_EQ(adapters[0].layer, "blocks.0.attn.qkv");
  EXPECT_EQ(adapters[0].a.shape(), (Shape{2, 12}));
  EXPECT_EQ(adapters[0].b.shape(), (Shape{36, 2}));
  EXPECT_EQ(adapters[0].factor, 2.0);
  const std::vector<float> a = made.tensor("blocks.0.attn.qkv.lora_A").values<float>();
  EXPECT_EQ(adapters[0].a.values<float>()[1], a[2]);
}

// kaiming_uniform_(a=sqrt(5)) on [r, in] draws what Linear(in, r) draws first.
TEST(Lora, BeginsAsALinearLayerOfPyTorchDoes) {
  const PreparedModel made(surgery_fixture("pictures.onnx"), lora(4, 4, "head"));
  const Tensor a = made.tensor("head.lora_A");
  const Tensor oracle = training::NpzFile(surgery_fixture("head.npz")).read("weight16");
  for (std::int64_t r = 0; r < 4; ++r) {
    for (std::int64_t i = 0; i < 16; ++i) {
      EXPECT_EQ(a.values<float>()[static_cast<std::size_t>(i * 4 + r)],
                oracle.values<float>()[static_cast<std::size_t>(r * 16 + i)]);
    }
  }
}

TEST(Lora, AdaptersAreNoLayersThemselves) {
  const PreparedModel made(surgery_fixture("pictures.onnx"), lora(2, 2, "fc"));
  expect_error(ErrorCode::kUnsupported, "has an adapter already",
               [&] { PreparedModel(made.path(), lora(2, 2, "")); });
  for (const graph::Finding& one : graph::find_what_exporters_did(made.load())) {
    EXPECT_NE(one.edit, "--restore-bias") << one.examples.at(0);
  }
}

TEST(Lora, ASharedWeightIsNotMerged) {
  const TemporaryFolder folder;
  ModelParts parts;
  parts.nodes = {node("MatMul", {"x", "w"}, {"h"}, {}, "first"), node("Relu", {"h"}, {"r"}),
                 node("MatMul", {"r", "w"}, {"y"}, {}, "second")};
  parts.initializers = {floats("w", {4, 4}, std::vector<float>(16, 0.5f))};
  const PreparedModel made(folder.write("m.onnx", parts.bytes()), lora(2, 2, "first"));
  expect_error(ErrorCode::kUnsupported, "read by other nodes",
               [&] { PreparedModel(made.path(), merge()); });
}

TEST(Lora, SaysWhatAPatternCouldHaveMeantAndWhatRankIsTooLarge) {
  const std::string from = surgery_fixture("pictures.onnx");
  expect_error(ErrorCode::kInvalidArgument, "such layers are 'conv1', 'conv2', 'fc', 'head'",
               [&] { PreparedModel(from, lora(2, 2, "attn")); });
  expect_error(ErrorCode::kInvalidArgument, "--lora r=5",
               [&] { PreparedModel(from, lora(5, 5, "head")); });
  expect_error(ErrorCode::kInvalidArgument, "no adapters", [&] { PreparedModel(from, merge()); });
}

}  // namespace
}  // namespace temper::test
