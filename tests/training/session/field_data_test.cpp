// Public bug reports about data and targets (tools/oracle/field_data.py): the value PyTorch
// computes, or a refusal that says what to type.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/analysis/gradients.h"
#include "training/formats/json.h"
#include "training/formats/npz.h"
#include "training/session/session.h"

namespace temper::training {
namespace {

using testing::Contains;
using testing::HasSubstr;

Recipe recipe_for(const std::string& model, const std::string& data,
                  const std::vector<std::string>& lines = {}) {
  RecipeSources sources;
  sources.overrides = {"model.path=\"" + model + "\"", "data.train=\"" + data + "\"",
                       "train.threads=1", "data.standardize=false"};
  sources.overrides.insert(sources.overrides.end(), lines.begin(), lines.end());
  return read_recipe(sources);
}

std::string field(const std::string& name) { return fixture("field/" + name); }

double expected_loss(const std::string& name) {
  const std::string path = field(name + "/expected.json");
  return parse_json(read_bytes(path), path).at("loss").as_double("loss");
}

TEST(FieldData, AnIdOfMinusOneIsAskedAboutAndThenCountsFromTheEnd) {
  const std::string model = field("negative_id/model.onnx");
  const std::string data = field("negative_id/data.npz");
  expect_error([&] { compute_gradients(recipe_for(model, data), {}); }, ErrorCode::kInvalidData,
               "negative_id/data.npz, array 'x', row 1, element [1]", "the value is -1",
               "from 0 to 2", "row 2", "model.allow_negative_ids = true");
  const Gradients made =
      compute_gradients(recipe_for(model, data, {"model.allow_negative_ids=true"}), {});
  EXPECT_NEAR(made.loss, expected_loss("negative_id"), 1e-6);
}

TEST(FieldData, OneOutputAndOneNumberPerSampleAreTheSameRowsInAnyFile) {
  const TempFolder folder;
  const std::string model = field("one_output_regression/model.onnx");
  const std::string csv = "x,target\n0,0\n1,2\n2,4\n3,6\n4,8\n5,10\n6,12\n7,14\n8,16\n9,18\n";
  std::string records;
  for (int i = 0; i < 10; ++i) {
    const std::string x = std::to_string(i);
    records += "{\"x\": [" + x + "], \"target\": " + std::to_string(2 * i) + ".0}\n";
  }
  for (const std::string& data : {field("one_output_regression/data.npz"),
                                  folder.write("d.csv", csv), folder.write("d.jsonl", records)}) {
    SCOPED_TRACE(data);
    const Gradients made = compute_gradients(recipe_for(model, data, {"loss.name=mse"}), {});
    EXPECT_NEAR(made.loss, expected_loss("one_output_regression"), 2e-5);
    EXPECT_THAT(made.notes,
                Contains(HasSubstr("the target 'target' [N] is taken as [N,1]: the same numbers")));
  }
}

// The other way round, and for labels, which have one number per sample whatever the scores.
TEST(FieldData, AColumnOfTargetsIsTheSameRows) {
  const TempFolder folder;
  const std::string model = folder.path("m.onnx");
  write_tiny_model(model, {.batchnorm = false, .dropout = 0});
  const std::string vector = folder.path("vector.npz");
  write_tiny_data(vector, 8, 3);
  std::vector<std::int64_t> labels;
  for (std::int64_t row = 0; row < 8; ++row) {
    labels.push_back(row % kTinyClasses);
  }
  const Tensor x = NpzFile(vector).read("x");
  const auto loss_of = [&](const std::string& name, const Shape& shape) {
    const std::string path = folder.path(name + ".npz");
    write_npz(path, {{"x", x}, {name, Tensor::from<std::int64_t>(DType::kInt64, shape, labels)}});
    const Gradients made = compute_gradients(recipe_for(model, path), {});
    EXPECT_THAT(made.notes, Contains(HasSubstr("cross_entropy")));
    return made.loss;
  };
  const double expected = compute_gradients(recipe_for(model, vector), {}).loss;
  EXPECT_EQ(loss_of("target", {8, 1}), expected);
  // Names that JSON has always known.
  EXPECT_EQ(loss_of("label", {8}), expected);
  EXPECT_EQ(loss_of("y", {8, 1}), expected);
}

}  // namespace
}  // namespace temper::training
