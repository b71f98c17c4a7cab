// What two files differ in, against numpy and onnxruntime (tools/oracle/diff_files.py).
#include "training/analysis/model_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/platform/files.h"
#include "tests/training/test_files.h"
#include "training/formats/json.h"
#include "training/formats/npz.h"

namespace temper::training {
namespace {

std::string form(const std::string& name) { return fixture("diff/" + name); }

JsonValue expected() {
  return parse_json(read_text_file(form("expected.json"), 1 << 20), "expected.json");
}

Recipe on_data() {
  Recipe recipe;
  recipe.data.train = form("x.npz");
  recipe.data.shuffle = false;
  return recipe;
}

void expect_measures(const TensorDifference& made, const JsonValue& wanted, double room) {
  const auto number = [&](const char* name) { return wanted.at(name).as_double(name); };
  EXPECT_NEAR(made.largest, number("largest"), room);
  EXPECT_NEAR(made.mean, number("mean"), room);
  EXPECT_NEAR(made.largest_value, number("largest_value"), room);
  EXPECT_NEAR(made.cosine, number("cosine"), std::max(room, 1e-12));
  EXPECT_EQ(made.differing, wanted.at("differing").as_int("differing"));
}

const WeightPair* pair_of(const WeightDiff& diff, const std::string& name) {
  const auto found = std::find_if(diff.pairs.begin(), diff.pairs.end(),
                                  [&](const WeightPair& pair) { return pair.a == name; });
  return found == diff.pairs.end() ? nullptr : &*found;
}

TEST(ModelDiff, MeasuresWeightsAsNumpyDoes) {
  ModelDiffOptions files_alone;
  files_alone.runs = false;
  const ModelDiff diff = diff_models(form("base.onnx"), form("changed.onnx"), files_alone);
  const JsonValue wanted = expected().at("changed");
  const WeightPair* middle = pair_of(diff.weights, wanted.at("middle").as_string("middle"));
  const WeightPair* bit = pair_of(diff.weights, "out.weight");
  ASSERT_NE(middle, nullptr);
  ASSERT_NE(bit, nullptr);
  expect_measures(*middle->difference, wanted.at("weight"), 0);
  EXPECT_EQ(middle->difference->ulps, wanted.at("weight").at("ulps").as_double("ulps"));
  expect_measures(*bit->difference, wanted.at("one_bit"), 0);
  EXPECT_EQ(bit->difference->ulps, 1);
  EXPECT_TRUE(bit->within(1e-5));
  EXPECT_FALSE(bit->equal());
  EXPECT_EQ(std::count_if(diff.weights.pairs.begin(), diff.weights.pairs.end(),
                          [](const WeightPair& pair) { return !pair.equal(); }),
            2);
  EXPECT_TRUE(diff.structure->equal());
  EXPECT_FALSE(diff.equal(1e-5, false));
  EXPECT_FALSE(diff.layers);
}

TEST(ModelDiff, NamesTheFirstLayerThatDiffersAndMeasuresOutputsAsOnnxruntimeDoes) {
  const JsonValue wanted = expected().at("changed");
  for (const bool on_x : {false, true}) {
    ModelDiffOptions options;
    if (on_x) {
      options.data = on_data();
    }
    const ModelDiff diff = diff_models(form("base.onnx"), form("changed.onnx"), options);
    ASSERT_TRUE(diff.layers);
    const ValuePair* first = diff.layers->first(1e-5);
    ASSERT_NE(first, nullptr);
    // On data the graph is that of a run, in which the bias is part of its product.
    std::vector<std::string> tensors = {wanted.at("middle").as_string("middle")};
    if (on_x) {
      tensors.emplace_back("fc.bias");
    }
    EXPECT_EQ(first->layer, concat("MatMul 'node_MatMul_20'", on_x ? " + Add 'node_linear'" : ""));
    EXPECT_EQ(first->tensors, tensors);
    EXPECT_EQ(diff.layers->only_a, 0);
    EXPECT_EQ(diff.layers->only_b, 0);
    ASSERT_EQ(diff.outputs.size(), 1u);
    if (on_x) {
      expect_measures(*diff.outputs[0].difference, wanted.at("output"), 1e-6);
    }
    EXPECT_FALSE(diff.equal(1e-5, false));
    EXPECT_TRUE(diff.equal(0.05, false));
  }
}

TEST(ModelDiff, FindsEqualTensorsAndLayersUnderOtherNames) {
  const ModelDiff diff = diff_models(form("base.onnx"), form("renamed.onnx"), {});
  EXPECT_TRUE(diff.weights.only_a.empty());
  EXPECT_TRUE(diff.weights.only_b.empty());
  EXPECT_EQ(diff.weights.pairs.size(), 10u);
  for (const WeightPair& pair : diff.weights.pairs) {
    EXPECT_TRUE(pair.is_renamed() && pair.equal()) << pair.a;
  }
  EXPECT_EQ(diff.layers->first(0), nullptr);
  EXPECT_EQ(diff.layers->only_a, 0);
  EXPECT_GE(diff.layers->values.size(), 11u);
  EXPECT_TRUE(diff.structure->changed.empty()) << "inputs follow the renaming";
  EXPECT_TRUE(diff.structure->only_a.empty());
  EXPECT_TRUE(diff.equal(0, false));
  EXPECT_FALSE(diff.equal(0, true)) << "names count in --strict";
}

TEST(ModelDiff, SaysWhichAttributeAndFactDiffer) {
  const JsonValue wanted = expected().at("other_epsilon");
  ModelDiffOptions options;
  options.data = on_data();
  const ModelDiff diff = diff_models(form("base.onnx"), form("other_epsilon.onnx"), options);
  ASSERT_EQ(diff.structure->changed.size(), 1u);
  EXPECT_EQ(diff.structure->changed[0].a.name, wanted.at("node").as_string("node"));
  EXPECT_EQ(diff.structure->changed[0].facts[0].what, "epsilon");
  EXPECT_EQ(diff.structure->changed[0].facts[0].b, "0.5");
  ASSERT_EQ(diff.structure->facts.size(), 2u);
  EXPECT_EQ(diff.structure->facts[0].what, "opset");
  EXPECT_EQ(diff.structure->facts[1].what, "metadata author");
  EXPECT_TRUE(diff.weights.within(0));
  EXPECT_EQ(diff.layers->first(1e-5)->layer, "LayerNormalization 'node_layer_norm'");
  expect_measures(*diff.outputs[0].difference, wanted.at("output"), 1e-6);
}

TEST(ModelDiff, TheTwoExportersOfPyTorchGiveOneModel) {
  const ModelDiff diff =
      diff_models(fixture("checkpoints/net.onnx"), fixture("checkpoints/net_torchscript.onnx"), {});
  EXPECT_TRUE(diff.equal(1e-5, false));
  EXPECT_EQ(diff.layers->first(1e-4), nullptr);
  EXPECT_GE(diff.layers->values.size(), 10u) << "most values are matched by what computes them";
  EXPECT_FALSE(diff.structure->only_b.empty() && diff.structure->only_a.empty());
}

TEST(ModelDiff, OfCheckpointsComparesTensors) {
  const ModelDiff same =
      diff_models(fixture("checkpoints/small.pt"), fixture("checkpoints/small.safetensors"), {});
  EXPECT_TRUE(same.equal(0, true));
  EXPECT_EQ(same.weights.pairs.size(), 16u);
  EXPECT_FALSE(same.structure);
  const ModelDiff other =
      diff_models(fixture("checkpoints/net.pt"), fixture("checkpoints/net_wrapped.pt"), {});
  EXPECT_TRUE(other.equal(0, false)) << "what stands in front of names is a renaming";
  EXPECT_FALSE(other.equal(0, true));
  const ModelDiff apart =
      diff_models(fixture("checkpoints/net.pt"), fixture("checkpoints/small.pt"), {});
  EXPECT_FALSE(apart.equal(1, false));
  EXPECT_EQ(apart.weights.only_b.size(), 16u);
}

TEST(ModelDiff, RefusesInputsThatDoNotFit) {
  expect_error([] { diff_models(form("base.onnx"), fixture("loss_mse_f32.onnx"), {}); },
               ErrorCode::kInvalidArgument, "--no-run");
  ModelDiffOptions options;
  options.data = on_data();
  expect_error([&] { diff_models(form("base.onnx"), fixture("checkpoints/net.pt"), options); },
               ErrorCode::kInvalidArgument, "net.pt is no ONNX file", "--data");
}

TEST(TensorDifference, CountsNotFiniteAndWholeNumbersExactly) {
  const auto floats = [](const std::vector<float>& values) {
    return Tensor::from<float>(DType::kFloat32, Shape{static_cast<std::int64_t>(values.size())},
                               values);
  };
  const float inf = HUGE_VALF, nan = std::nanf("");
  EXPECT_TRUE(tensor_difference(floats({1, inf, nan}), floats({1, inf, nan}), "f32").equal);
  const TensorDifference apart =
      tensor_difference(floats({1, inf, 2}), floats({1, -inf, 2}), "f32");
  EXPECT_EQ(apart.largest, HUGE_VAL);
  EXPECT_EQ(apart.differing, 1);
  EXPECT_FALSE(apart.within(1e9));
  // The least numbers above and below zero are two apart, and both zeros are one.
  const float least = std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(tensor_difference(floats({least}), floats({-least}), "f32").ulps, 2);
  EXPECT_TRUE(tensor_difference(floats({0.0f}), floats({-0.0f}), "f32").equal);
  EXPECT_EQ(tensor_difference(floats({1}), floats({1.0009765625f}), "f16").ulps, 1);
  const auto whole = [](std::int64_t value) {
    return Tensor::scalar<std::int64_t>(DType::kInt64, value);
  };
  const std::int64_t large = std::int64_t{1} << 60;
  EXPECT_FALSE(tensor_difference(whole(large), whole(large + 1), "i64").equal);
  EXPECT_FALSE(tensor_difference(floats({0}), floats({1e-20f}), "f32").within(1e-5));
}

}  // namespace
}  // namespace temper::training
