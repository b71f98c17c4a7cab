// What a converted file takes, gives and says: parts, batches, names, metadata, nothing of training
// (tools/oracle/embedding.py).
#include "training/analysis/file_face.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "runtime/platform/folders.h"
#include "tests/training/test_files.h"
#include "training/formats/npz.h"

namespace temper::training {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

std::string sample(const std::string& name) { return fixture("embed/" + name); }

Tensor expected(const std::string& name) { return NpzFile(sample("expected.npz")).read(name); }

class FileFaceTest : public testing::Test {
 protected:
  graph::OnnxModel convert(const std::string& model, const FileFace& face, bool inference = false) {
    DeploymentOptions options;
    options.face = face;
    options.conversions.inference = inference;
    done_ = deploy_model(sample(model), folder_.path("out.onnx"), options);
    return graph::OnnxModel::load(folder_.path("out.onnx"));
  }

  static void expect_gives(const graph::OnnxModel& model, const std::string& input, const Tensor& x,
                           const std::string& output, const Tensor& y) {
    TrialRunner runner({}, 1);
    const TrialResult result = runner.run(model, {{input, x}});
    const auto found = std::find(result.names.begin(), result.names.end(), output);
    ASSERT_NE(found, result.names.end()) << output;
    const TrialOutput row = compare_outputs(
        output, y, result.values[static_cast<std::size_t>(found - result.names.begin())]);
    EXPECT_LT(row.difference, 1e-5 * row.before) << output;
  }

  TempFolder folder_;
  Deployment done_;
};

std::vector<std::string> ops_of(const graph::OnnxModel& model) {
  std::vector<std::string> ops;
  for (const auto& [op, count] : model.op_counts()) {
    ops.push_back(op);
  }
  return ops;
}

TEST_F(FileFaceTest, InnerValuesBecomeOutputsAndTheRestIsGone) {
  FileFace face;
  face.outputs = {"features"};
  const graph::OnnxModel model = convert("classifier.onnx", face);
  EXPECT_THAT(ops_of(model), ElementsAre("Conv", "Flatten", "GlobalAveragePool", "Relu"));
  const auto outputs = model.outputs();
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_EQ(outputs[0].file_type, "FLOAT");
  ASSERT_EQ(outputs[0].dims.size(), 2u);
  EXPECT_EQ(outputs[0].dims[0].symbol, "batch");
  EXPECT_EQ(outputs[0].dims[1].value, 4);
  EXPECT_THAT(read_bytes(folder_.path("out.onnx")),
              Not(AnyOf(HasSubstr("fc.weight"), HasSubstr("temper.loss"))));
  EXPECT_THAT(read_bytes(folder_.path("out.onnx")), HasSubstr("temper.preprocessing"));
  expect_gives(model, "image", expected("classifier.rows"), "features",
               expected("classifier.features"));
}

TEST_F(FileFaceTest, InnerValuesBecomeInputs) {
  FileFace face;
  face.inputs = {"features"};
  const graph::OnnxModel model = convert("classifier.onnx", face);
  EXPECT_THAT(ops_of(model), ElementsAre("Gemm"));
  EXPECT_THAT(read_bytes(folder_.path("out.onnx")), Not(HasSubstr("temper.preprocessing")));
  expect_gives(model, "features", expected("classifier.features"), "logits",
               expected("classifier.logits"));
}

TEST_F(FileFaceTest, PartsThatDoNotGoTogetherAreRefused) {
  const auto refused = [&](const FileFace& face, const char* because) {
    expect_error([&] { convert("classifier.onnx", face); }, ErrorCode::kInvalidArgument, because);
    EXPECT_FALSE(file_status(folder_.path("out.onnx")).exists);
  };
  FileFace unknown, unneeded, missing, twice;
  unknown.outputs = {"featurs"};
  refused(unknown, "the last of them c, r, g, features, logits");
  unneeded.inputs = {"features", "image"};
  refused(unneeded, "'image', which no output needs");
  missing.inputs = {"features"};
  missing.outputs = {"logits", "r"};
  refused(missing, "need the input 'image' too");
  twice.outputs = {"r", "r"};
  refused(twice, "twice");
}

TEST_F(FileFaceTest, TheBatchBecomesANumberAndANumberAnyBatch) {
  FileFace face;
  face.batch = 12;
  const graph::OnnxModel fixed = convert("classifier.onnx", face);
  EXPECT_EQ(fixed.inputs()[0].dims[0].value, 12);
  EXPECT_EQ(fixed.outputs()[0].dims[0].value, 12);
  expect_gives(fixed, "image", expected("classifier.rows"), "logits",
               expected("classifier.logits"));
  DeploymentOptions again;
  again.face.batch = 0;
  const std::string open = folder_.path("open.onnx"), three = folder_.path("three.onnx");
  deploy_model(folder_.path("out.onnx"), open, again);
  EXPECT_EQ(graph::OnnxModel::load(open).inputs()[0].dims[0].symbol, "batch");
  again.face.batch = 3;
  deploy_model(folder_.path("out.onnx"), three, again);
  EXPECT_EQ(graph::OnnxModel::load(three).inputs()[0].dims[0].value, 3);
}

TEST_F(FileFaceTest, InputsAndOutputsGetOtherNames) {
  FileFace face;
  face.names = {{"image", "logits"}, {"logits", "image"}};  // they change places
  const graph::OnnxModel model = convert("classifier.onnx", face);
  EXPECT_EQ(model.inputs()[0].name, "logits");
  EXPECT_EQ(model.outputs()[0].name, "image");
  expect_gives(model, "logits", expected("classifier.rows"), "image",
               expected("classifier.logits"));
  face.names = {{"image", "features"}};
  expect_error([&] { convert("classifier.onnx", face); }, ErrorCode::kInvalidArgument,
               "something else in the model has");
  face.names = {{"pixels", "x"}};
  expect_error([&] { convert("classifier.onnx", face); }, ErrorCode::kInvalidArgument,
               "inputs and outputs are image, logits");
}

TEST_F(FileFaceTest, TextsOfTheExporterAreGoneAndEntriesAreSet) {
  FileFace face;
  face.strip_metadata = true;
  face.metadata = {{"licence", "Apache-2.0"}, {"temper.version", ""}};
  const graph::OnnxModel model = convert("classifier.onnx", face);
  const std::string bytes = read_bytes(folder_.path("out.onnx"));
  EXPECT_THAT(read_bytes(sample("classifier.onnx")), HasSubstr("/home/ann/secret.py"));
  EXPECT_THAT(bytes, Not(AnyOf(HasSubstr("/home/ann"), HasSubstr("author"))));
  const auto entries = model.metadata();
  EXPECT_THAT(entries, testing::Contains(Pair("licence", "Apache-2.0")));
  EXPECT_THAT(entries, testing::Contains(Pair("temper.loss", "cross_entropy")));
  EXPECT_THAT(entries, Not(testing::Contains(Pair("temper.version", testing::_))));
  expect_gives(model, "image", expected("classifier.rows"), "logits",
               expected("classifier.logits"));
}

TEST_F(FileFaceTest, WhatIsOfTrainingIsGone) {
  const graph::OnnxModel model = convert("dropouts.onnx", {}, true);
  EXPECT_THAT(ops_of(model), ElementsAre("BatchNormalization", "MatMul", "Relu"));
  EXPECT_THAT(read_bytes(folder_.path("out.onnx")), Not(HasSubstr("ratio")));
  expect_gives(model, "x", expected("dropouts.x"), "y", expected("dropouts.y"));
}

}  // namespace
}  // namespace temper::training
