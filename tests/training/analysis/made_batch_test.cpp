// Batches made up for models: the arrays that the model and the loss take, within their bounds.
#include "training/analysis/made_batch.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "backends/backends.h"
#include "models/architecture.h"
#include "runtime/base/error.h"
#include "tests/training/test_files.h"
#include "training/losses/loss.h"

namespace temper::training {
namespace {

using Int = std::int64_t;

std::vector<NamedTensor> made(const char* architecture, const Attrs& options,
                              const std::string& loss, const Attrs& parameters, Int rows,
                              const std::map<std::string, Int>& sizes = {}) {
  const TempFolder folder;
  const std::string path = folder.path("model.onnx");
  models::write_model(models::make_model(models::find_architecture(architecture), options, 0),
                      path);
  Recipe recipe;
  if (!loss.empty()) {
    recipe.loss.loss.name = loss;
    recipe.loss.loss.parameters =
        complete_parameters("loss", loss, find_loss(loss).parameters, parameters);
  }
  return make_batch(graph::OnnxModel::load(path), recipe, rows, sizes, *make_backend("reference"));
}

double smallest(const Tensor& tensor) {
  const std::vector<double> values = tensor.values<double>();
  return *std::min_element(values.begin(), values.end());
}

double largest(const Tensor& tensor) {
  const std::vector<double> values = tensor.values<double>();
  return *std::max_element(values.begin(), values.end());
}

TEST(MadeBatch, OfAClassifierHasClassesAsItsTarget) {
  const std::vector<NamedTensor> arrays = made("lenet", {{"classes", Int{3}}}, "", {}, 50);
  ASSERT_EQ(arrays.size(), 2u);
  EXPECT_EQ(arrays[0].second.shape(), (Shape{50, 1, 28, 28}));
  EXPECT_GE(smallest(arrays[0].second), -1);
  EXPECT_GT(largest(arrays[0].second), 0.9);
  EXPECT_EQ(arrays[1].first, "target");
  EXPECT_EQ(arrays[1].second.shape(), Shape{50});
  EXPECT_EQ(arrays[1].second.dtype(), DType::kInt64);
  EXPECT_EQ(smallest(arrays[1].second), 0);
  EXPECT_EQ(largest(arrays[1].second), 2);
}

TEST(MadeBatch, OfTokensStaysWithinTheTable) {
  const Attrs options = {
      {"vocabulary", Int{20}}, {"layers", Int{1}}, {"width", Int{16}}, {"heads", Int{2}}};
  const std::vector<NamedTensor> arrays =
      made("gpt", options, "cross_entropy", {{"class_axis", Int{-1}}}, 6, {{"sequence", 8}});
  ASSERT_EQ(arrays.size(), 2u);
  for (const auto& [name, array] : arrays) {
    EXPECT_EQ(array.shape(), (Shape{6, 8})) << name;
    EXPECT_GE(smallest(array), 0) << name;
    EXPECT_LT(largest(array), 20) << name;
    EXPECT_GT(largest(array), 9) << name;
  }
}

TEST(MadeBatch, OfALossOfProbabilitiesIsYesOrNo) {
  const std::vector<NamedTensor> arrays =
      made("mlp", {{"outputs", Int{2}}}, "bce_with_logits", {}, 40);
  const Tensor& target = arrays.back().second;
  EXPECT_EQ(target.shape(), (Shape{40, 2}));
  EXPECT_EQ(target.dtype(), DType::kFloat32);
  for (const double value : target.values<double>()) {
    EXPECT_TRUE(value == 0 || value == 1) << value;
  }
  EXPECT_EQ(smallest(target), 0);
  EXPECT_EQ(largest(target), 1);
}

TEST(MadeBatch, OfALossFromAFileIsRefused) {
  const TempFolder folder;
  const std::string path = folder.path("model.onnx");
  models::write_model(models::make_model(models::find_architecture("mlp"), {}, 0), path);
  Recipe recipe;
  recipe.loss.file = "loss.onnx";
  EXPECT_THROW(make_batch(graph::OnnxModel::load(path), recipe, 2, {}, *make_backend("reference")),
               Error);
}

}  // namespace
}  // namespace temper::training
