// Files that take bytes and give answers, against Pillow, numpy and PyTorch
// (tools/oracle/embedding.py).
#include "training/analysis/embedding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "runtime/platform/folders.h"
#include "tests/training/test_files.h"
#include "training/analysis/deployment.h"
#include "training/analysis/prediction.h"
#include "training/analysis/verification.h"
#include "training/formats/npz.h"
#include "training/session/model_metadata.h"

namespace temper::training {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string sample(const std::string& name) { return fixture("embed/" + name); }

Tensor expected(const std::string& name) { return NpzFile(sample("expected.npz")).read(name); }

double furthest(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  const std::vector<double> x = a.values<double>(), y = b.values<double>();
  double far = 0;
  for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
    far = std::max(far, std::abs(x[i] - y[i]));
  }
  return far;
}

Recipe recipe_of(const std::string& model, const std::string& data) {
  Recipe recipe = read_recipe({});
  recipe.model.path = model;
  recipe.data.train = data;
  recipe.data.shuffle = false;
  return recipe;
}

const Tensor& output(const Prediction& made, const std::string& name) {
  for (const NamedTensor& one : made.outputs) {
    if (one.first == name) {
      return one.second;
    }
  }
  ADD_FAILURE() << "no output " << name;
  return made.outputs.front().second;
}

class Embedded : public testing::Test {
 protected:
  std::string convert(const std::string& model, const EmbedOptions& options) {
    DeploymentOptions all;
    all.embed = options;
    const std::string out = folder_.path("out.onnx");
    done_ = deploy_model(sample(model), out, all);
    return out;
  }

  // The file's output on one array of pictures.
  Tensor run(const std::string& model, const std::string& array, const Tensor& values) {
    const std::string data = folder_.path("data.npz");
    write_npz(data, {{array, values}});
    return predict(recipe_of(model, data)).outputs.front().second;
  }

  TempFolder folder_;
  Deployment done_;
};

EmbedOptions preprocessing() {
  EmbedOptions options;
  options.preprocessing = true;
  return options;
}

TEST_F(Embedded, PicturesOfAnySizeAreWhatPillowMakesOfThem) {
  const NpzFile all(sample("expected.npz"));
  for (const char* way :
       {"cover_bilinear", "short_bicubic", "both_bilinear", "cover_nearest", "short_nearest"}) {
    const std::string out = convert(std::string(way) + ".onnx", preprocessing());
    int seen = 0;
    for (int i = 0; i < 5; ++i) {
      const std::string name = concat(way, ".", i);
      if (!all.has(name)) {
        continue;
      }
      ++seen;
      const Tensor y = run(out, "image", all.read(name));
      // One of 255, by the smallest deviation; pixels that are only moved are what they were.
      const bool moved = std::string_view(way).ends_with("nearest");
      EXPECT_LT(furthest(y, all.read(name + ".want")), moved ? 1e-6 : 1.01 / 255 / 0.224) << name;
    }
    EXPECT_GE(seen, 3) << way;
  }
}

TEST_F(Embedded, PicturesOfOneSizeAreScaledAndNormalisedAtAnyOpset) {
  const std::string out = convert("as_they_are.onnx", preprocessing());
  const graph::OnnxModel model = graph::OnnxModel::load(out);
  EXPECT_EQ(model.opset(), 9);
  EXPECT_EQ(model.inputs().at(0).file_type, "UINT8");
  EXPECT_EQ(model.inputs().at(0).dims.at(3).value, 3);
  const Tensor raw = expected("as_they_are.0"), want = expected("as_they_are.0.want");
  EXPECT_LT(furthest(run(out, "image", raw), want), 1e-6);
  // Stored channels first, as arrays for the model without its preparation are.
  std::vector<std::uint8_t> turned;
  const std::vector<std::uint8_t> pixels = raw.values<std::uint8_t>();
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t i = 0; i < 48; ++i) {
      turned.push_back(pixels[i * 3 + c]);
    }
  }
  const Tensor first = Tensor::from<std::uint8_t>(DType::kUInt8, Shape{1, 3, 6, 8}, turned);
  EXPECT_LT(furthest(run(out, "image", first), want), 1e-6);

  EmbedOptions options = preprocessing();
  options.channels_first = true;
  EXPECT_LT(furthest(run(convert("as_they_are.onnx", options), "image", first), want), 1e-6);
}

TEST_F(Embedded, AClassifierGivesProbabilitiesAndClassesOfPictureFiles) {
  EmbedOptions options = preprocessing();
  options.answers = options.class_names = true;
  const std::string out = convert("classifier.onnx", options);
  const Prediction made = predict(recipe_of(out, fixture("classes")));
  EXPECT_LT(furthest(output(made, "probabilities"), expected("classifier.probabilities")), 2e-3);
  EXPECT_EQ(furthest(output(made, "class"), expected("classifier.class")), 0);
  EXPECT_THAT(made.classes, ElementsAre("blue", "red"));
  // The very bits that the model gives behind Temper's own preparation.
  const Prediction before = predict(recipe_of(sample("classifier.onnx"), fixture("classes")));
  const std::vector<double> x = output(before, "logits").values<double>();
  const std::vector<double> p = output(made, "probabilities").values<double>();
  for (std::size_t i = 0; i < x.size(); i += 2) {
    EXPECT_NEAR(p[i], 1 / (1 + std::exp(x[i + 1] - x[i])), 1e-6);
  }
  // Texts are for other programs.
  const auto outputs = graph::OnnxModel::load(out).outputs();
  ASSERT_EQ(outputs.size(), 3u);
  EXPECT_EQ(outputs[2].name, "class_name");
  EXPECT_EQ(outputs[2].file_type, "STRING");
}

TEST_F(Embedded, LabelsHoldFromTheThresholdOn) {
  EmbedOptions options;
  options.answers = true;
  const std::string out = convert("labels.onnx", options);
  const std::string data = folder_.path("data.npz");
  write_npz(data, {{"image", expected("classifier.rows")}});
  Recipe recipe = recipe_of(out, data);
  recipe.origins["data.scale"] = "the test";  // the rows are prepared
  const Prediction made = predict(recipe);
  EXPECT_LT(furthest(output(made, "probabilities"), expected("classifier.sigmoid")), 1e-6);
  EXPECT_EQ(furthest(output(made, "labels"), expected("classifier.labels")), 0);
}

TEST_F(Embedded, ATableIsStandardisedInsideAndNotTwice) {
  const std::string out = convert("table.onnx", preprocessing());
  TrialRunner runner({}, 1);  // with a NaN, which no data set delivers
  const TrialResult y = runner.run(graph::OnnxModel::load(out), {{"x", expected("table.rows")}});
  EXPECT_LT(furthest(y.values.at(0), expected("table.want")), 1e-5);
  const Prediction made = predict(recipe_of(out, sample("table.csv")));
  EXPECT_LT(furthest(output(made, "y"), expected("table.want")), 1e-5);
}

TEST_F(Embedded, VerifyAndEvalTakeRawPictures) {
  EmbedOptions options = preprocessing();
  options.answers = true;
  const std::string out = convert("classifier.onnx", options);
  VerifyOptions verify;
  verify.conditions = {read_condition("accuracy>=0")};
  const Verification before =
      verify_model(recipe_of(sample("classifier.onnx"), fixture("classes")), verify);
  const Verification after = verify_model(recipe_of(out, fixture("classes")), verify);
  EXPECT_EQ(before.metrics.at(0).value, 1);
  EXPECT_EQ(after.metrics.at(0).value, 1);
  EXPECT_EQ(after.samples, 12);
}

TEST_F(Embedded, WhatIsPreparedInsideIsNotPreparedOnceMore) {
  const std::string out = convert("classifier.onnx", preprocessing());
  Recipe recipe = recipe_of(out, fixture("classes"));
  recipe.data.mean = {0.5};
  expect_error([&] { predict(recipe); }, ErrorCode::kInvalidArgument, "data.mean would do it");
  DeploymentOptions again;
  again.embed = preprocessing();
  expect_error([&] { deploy_model(out, folder_.path("b.onnx"), again); },
               ErrorCode::kInvalidArgument, "itself already");
  // Numbers that may be normalised already are not normalised by what bytes were.
  const std::string data = folder_.path("data.npz");
  write_npz(data, {{"image", expected("classifier.rows")}});
  recipe = recipe_of(sample("classifier.onnx"), data);
  expect_error([&] { predict(recipe); }, ErrorCode::kInvalidData, "data.mean=[] data.std=[]");
  recipe.origins["data.mean"] = recipe.origins["data.std"] = "the test";
  EXPECT_LT(furthest(predict(recipe).outputs.front().second, expected("classifier.logits")), 1e-5);
}

TEST_F(Embedded, WhatCannotBeEmbeddedIsRefused) {
  const auto refused = [&](const std::string& model, const EmbedOptions& options, ErrorCode code,
                           const char* because) {
    expect_error([&] { convert(model, options); }, code, because);
    EXPECT_FALSE(file_status(folder_.path("out.onnx")).exists);
  };
  EmbedOptions answers;
  answers.answers = true;
  refused("dropouts.onnx", preprocessing(), ErrorCode::kInvalidArgument, "--recipe RECIPE.toml");
  refused("dropouts.onnx", answers, ErrorCode::kInvalidArgument, "temper.loss");
  refused("table.onnx", answers, ErrorCode::kUnsupported, "no score of classes");
  answers.class_names = true;
  refused("labels.onnx", answers, ErrorCode::kUnsupported, "several classes may hold");
  DeploymentOptions old;
  old.embed = preprocessing();
  old.conversions.opset.emplace().opset = 13;
  expect_error([&] { deploy_model(sample("classifier.onnx"), folder_.path("out.onnx"), old); },
               ErrorCode::kUnsupported, "--opset 18");
}

}  // namespace
}  // namespace temper::training
