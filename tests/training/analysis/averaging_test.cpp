// Means of files against numpy (tools/oracle/diff_files.py), and what has no mean.
#include "training/analysis/averaging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <utility>

#include "graph/onnx/export.h"
#include "graph/onnx/surgery/model_edit.h"
#include "tests/training/support/tiny_runs.h"
#include "training/analysis/model_diff.h"
#include "training/formats/npz.h"
#include "training/formats/safetensors.h"
#include "training/session/model_metadata.h"

namespace temper::training {
namespace {

std::string form(const std::string& name) { return fixture("diff/" + name); }

TEST(Averaging, IsNumpysWeightedMeanToTheLastBit) {
  const TempFolder folder;
  const std::string out = folder.path("mean.onnx");
  AverageOptions options;
  options.weights = {1, 2, 5};
  const Average made =
      average_files({form("base.onnx"), form("changed.onnx"), form("third.onnx")}, out, options);
  EXPECT_THAT(made.shares, testing::ElementsAre(0.125, 0.25, 0.625));
  EXPECT_EQ(made.averaged, 8);
  EXPECT_EQ(made.equal, 2) << "the shapes' whole numbers";
  EXPECT_EQ(made.trial.size(), 1u);
  EXPECT_TRUE(diff_models(form("mean.onnx"), out, {}).equal(0, true));
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path(""))) {
    ++files;
  }
  EXPECT_EQ(files, 1) << "no draft is left";
}

TEST(Averaging, OfCheckpointsGivesACheckpoint) {
  const TempFolder folder;
  const auto write = [&](const char* name, float scale, std::int64_t steps) {
    const std::vector<float> w = {1 * scale, 2 * scale, -4 * scale};
    write_npz(folder.path(name), {{"w", Tensor::from<float>(DType::kFloat32, {3}, w)},
                                  {"steps", Tensor::scalar<std::int64_t>(DType::kInt64, steps)}});
    return folder.path(name);
  };
  const std::string a = write("a.npz", 1, 7), b = write("b.npz", 3, 7), c = write("c.npz", 1, 8);
  const std::string out = folder.path("mean.safetensors");
  average_files({a, b}, out, {});
  const SafetensorsFile mean = read_safetensors(out);
  EXPECT_THAT(mean.find("w")->values<float>(), testing::ElementsAre(2, 4, -8));
  EXPECT_EQ(mean.find("steps")->values<std::int64_t>()[0], 7);
  expect_error([&] { average_files({a, b, c}, out, {}); }, ErrorCode::kInvalidArgument,
               "have no mean", "steps i64[]");
}

TEST(Averaging, ListsAllThatDiffersInStructure) {
  const TempFolder folder;
  const std::string out = folder.path("mean.onnx");
  expect_error([&] { average_files({form("base.onnx"), form("other_epsilon.onnx")}, out, {}); },
               ErrorCode::kInvalidArgument, "opset is 20", "epsilon 1e-05", "0.5");
  expect_error([&] { average_files({form("base.onnx"), form("renamed.onnx")}, out, {}); },
               ErrorCode::kInvalidArgument, "tensor conv1.weight is not in",
               "tensor t0_ is only in");
  expect_error([&] { average_files({form("base.onnx"), fixture("checkpoints/net.pt")}, out, {}); },
               ErrorCode::kInvalidArgument, "different kinds");
  expect_error([&] { average_files({form("base.onnx")}, out, {}); }, ErrorCode::kInvalidArgument,
               "two files or more");
  AverageOptions options;
  options.weights = {1};
  expect_error([&] { average_files({form("base.onnx"), form("third.onnx")}, out, options); },
               ErrorCode::kInvalidArgument, "1 weights for 2 files");
  options.weights = {1, -1};
  expect_error([&] { average_files({form("base.onnx"), form("third.onnx")}, out, options); },
               ErrorCode::kInvalidArgument, "expected numbers of at least 0");
  options.weights.clear();
  options.by_samples = true;
  expect_error([&] { average_files({form("base.onnx"), form("third.onnx")}, out, options); },
               ErrorCode::kInvalidArgument, "temper.train_samples", "--weights 600,250");
  EXPECT_FALSE(std::filesystem::exists(out));
}

class Clients : public TinyRuns {};

TEST_F(Clients, CountByTheSamplesTheyWereTrainedOnAndTheMeanClaimsNothing) {
  write_tiny_data(folder_.path("more.npz"), 114, 9);
  const RunRecord small = run_tiny(recipe("small"), false);
  Recipe other = recipe("large");
  other.data.train = folder_.path("more.npz");
  const RunRecord large = run_tiny(other, false);
  const std::string out = folder_.path("round.onnx");
  AverageOptions options;
  options.by_samples = true;
  const Average made =
      average_files({small.result.last_model, large.result.last_model}, out, options);
  EXPECT_THAT(made.shares, testing::ElementsAre(0.25, 0.75));
  EXPECT_THAT(made.notes,
              testing::ElementsAre(testing::HasSubstr("2 running statistics of BatchNorm")));
  const ModelClaims claims = model_claims(graph::OnnxModel::load(out));
  EXPECT_TRUE(claims.metrics.empty()) << "nobody has measured the mean";
  EXPECT_EQ(claims.loss, "cross_entropy");
  EXPECT_EQ(claims.train_samples, 0);
}

// tools/oracle/embedding.py: torch.optim.swa_utils.update_bn with batches of four.
TEST(Averaging, StatisticsOfTheMeanAreThoseOfUpdateBn) {
  const TempFolder folder;
  const std::string out = folder.path("mean.onnx"), one = fixture("embed/normed1.onnx");
  AverageOptions options;
  options.recalibrate = read_recipe({});
  options.recalibrate->data.train = fixture("embed/normed.npz");
  options.recalibrate->data.batch_size = 4;
  const Average made = average_files({one, fixture("embed/normed2.onnx")}, out, options);
  EXPECT_EQ(made.recalibrated, 2);
  EXPECT_TRUE(made.notes.empty());
  const NpzFile expected(fixture("embed/expected.npz"));
  const graph::OnnxModel model = graph::OnnxModel::load(out);
  graph::ModelEdit file(model);
  for (const auto& [tensor, array] :
       {std::pair("bn.running_mean", "normed.mean"), std::pair("bn.running_var", "normed.var")}) {
    EXPECT_LT(compare_outputs(tensor, expected.read(array), file.read(tensor)).difference, 1e-6);
  }
  TrialRunner runner({}, 1);
  const TrialResult y = runner.run(model, {{"x", NpzFile(fixture("embed/normed.npz")).read("x")}});
  EXPECT_LT(compare_outputs("y", expected.read("normed.y"), y.values.at(0)).difference, 1e-5);
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path(""))) {
    ++files;
  }
  EXPECT_EQ(files, 1) << "no draft is left";

  options.recalibrate->data.batch_size = 1;
  options.recalibrate->data.batch_size_given = true;
  expect_error([&] { average_files({one, fixture("embed/normed2.onnx")}, out, options); },
               ErrorCode::kInvalidArgument, "has no variance");
  expect_error([&] { average_files({form("base.onnx"), form("third.onnx")}, out, options); },
               ErrorCode::kInvalidArgument, "no BatchNorm");
}

}  // namespace
}  // namespace temper::training
