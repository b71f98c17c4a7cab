// `temper convert` there and back, over small models of every architecture: what comes back is what
// was there.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "graph/onnx/surgery/model_edit.h"
#include "runtime/base/error.h"
#include "tests/graph/onnx/same_tensors.h"
#include "tests/models/fresh_cases.h"
#include "tests/runtime/platform/temporary_folder.h"
#include "training/analysis/conversion.h"
#include "training/analysis/deployment.h"

namespace temper {
namespace {

using training::Deployment;
using training::DeploymentOptions;
using training::JsonValue;

std::int64_t casts_in(const std::string& path) {
  const auto all = graph::OnnxModel::load(path).op_counts();
  return std::map<std::string, std::int64_t>(all.begin(), all.end())["Cast"];
}

class Conversions : public testing::TestWithParam<std::size_t> {
 protected:
  void SetUp() override {
    models::write_model(fresh_model_of(fresh_cases().at(GetParam())), path("in.onnx"));
  }

  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }

  // The largest difference of any output, measured by its largest value.
  double convert(const std::string& from, const std::string& to,
                 const DeploymentOptions& options) const {
    double worst = 0;
    for (const auto& row : training::deploy_model(path(from), path(to), options).trial) {
      worst = std::max(worst, row.difference / std::max(row.before, 1e-30));
    }
    return worst;
  }

  double to_opset(const std::string& from, const std::string& to, std::int64_t opset) const {
    DeploymentOptions options;
    options.conversions.opset.emplace().opset = opset;
    const double worst = convert(from, to, options);
    EXPECT_EQ(graph::OnnxModel::load(path(to)).opset(), opset);
    return worst;
  }

 private:
  TemporaryFolder folder_;
};

DeploymentOptions in_precision(DType type) {
  DeploymentOptions options;
  if (type == DType::kFloat32) {
    options.conversions.float32.emplace();
  } else {
    options.conversions.precision.emplace().type = type;
  }
  return options;
}

TEST_P(Conversions, OlderOpsetsAndBackGiveTheSame) {
  for (const std::int64_t opset : {7, 9, 11, 13, 17}) {
    EXPECT_LE(to_opset("in.onnx", "old.onnx", opset), 3e-6) << opset;
    EXPECT_LE(to_opset("old.onnx", "back.onnx", 28), 3e-6) << opset;
  }
}

TEST_P(Conversions, DataBesideTheFileAndInItAreTheSameBytes) {
  DeploymentOptions beside, inside;
  beside.external_data = "weights.bin";
  inside.inline_data = true;
  EXPECT_EQ(convert("in.onnx", "far.onnx", beside), 0);
  EXPECT_EQ(convert("far.onnx", "near.onnx", inside), 0);
  expect_same_tensors(path("in.onnx"), path("near.onnx"));
}

TEST_P(Conversions, SixteenBitsAndBackToFloat32KeepEveryNumber) {
  for (const DType type : {DType::kFloat16, DType::kBFloat16}) {
    convert("in.onnx", "narrow.onnx", in_precision(type));
    EXPECT_LE(convert("narrow.onnx", "wide.onnx", in_precision(DType::kFloat32)), 1e-6);
    expect_same_tensors(path("narrow.onnx"), path("wide.onnx"));
    const graph::OnnxModel wide = graph::OnnxModel::load(path("wide.onnx"));
    graph::ModelEdit edit(wide);
    for (const std::string& name : edit.initializers()) {
      EXPECT_NE(edit.header(name).file_type, 10) << name;
      EXPECT_NE(edit.header(name).file_type, 16) << name;
    }
    EXPECT_EQ(casts_in(path("wide.onnx")), casts_in(path("in.onnx")));
  }
}

TEST_P(Conversions, WeightsAloneComeBackBitwise) {
  training::deploy_model(path("in.onnx"), path("weights.safetensors"), {});
  models::write_model(fresh_model_of(fresh_cases().at(GetParam()), 1), path("other.onnx"));
  training::ConversionOptions options;
  options.load.strict = true;
  training::convert_checkpoint(path("weights.safetensors"), path("other.onnx"), path("loaded.onnx"),
                               options);
  expect_same_tensors(path("in.onnx"), path("loaded.onnx"));
}

TEST_P(Conversions, FoldedAndOfFixedSizesGivesTheSame) {
  DeploymentOptions options;
  for (const auto& input : graph::OnnxModel::load(path("in.onnx")).inputs()) {
    for (const auto& dim : input.dims) {
      if (!dim.symbol.empty()) {
        options.conversions.fixed_dims[dim.symbol] = 8;
      }
    }
  }
  options.conversions.fold.emplace();
  EXPECT_LE(convert("in.onnx", "folded.onnx", options), 1e-5);
  EXPECT_LE(to_opset("folded.onnx", "old.onnx", 7), 3e-6);
}

TEST_P(Conversions, OpsetsCombineWithSixteenBitsAndWithIntegers) {
  DeploymentOptions options = in_precision(DType::kFloat16);
  options.conversions.opset.emplace().opset = 13;
  EXPECT_LE(convert("in.onnx", "narrow.onnx", options), 5e-3);
  EXPECT_LE(to_opset("narrow.onnx", "older.onnx", 11), 1e-5);
  DeploymentOptions integers;
  integers.conversions.opset.emplace().opset = 13;
  integers.conversions.int8_dynamic.emplace();
  try {
    EXPECT_LE(convert("in.onnx", "integers.onnx", integers), 0.25);
    EXPECT_EQ(graph::OnnxModel::load(path("integers.onnx")).opset(), 13);
  } catch (const Error& error) {  // a network of ConvTranspose alone
    EXPECT_NE(std::string(error.what()).find("no layer of the model can be quantised"),
              std::string::npos)
        << error.what();
  }
}

std::string name_of(const testing::TestParamInfo<std::size_t>& info) {
  return fresh_cases().at(info.param).at("name").as_string("name");
}

INSTANTIATE_TEST_SUITE_P(FreshModels, Conversions, testing::Range<std::size_t>(0, 30), name_of);

TEST(Conversions, CoverAllFreshModels) { EXPECT_EQ(fresh_cases().size(), 30u); }

}  // namespace
}  // namespace temper
