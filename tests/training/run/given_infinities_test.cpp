// A model that comes with infinities, as a table with a padding row of -inf, trains, is saved and
// goes on from there.
#include <gtest/gtest.h>

#include <fstream>
#include <limits>

#include "tests/graph/onnx/wire_writer.h"
#include "tests/training/support/tiny_runs.h"
#include "training/formats/npz.h"
#include "training/formats/safetensors.h"

namespace temper::training {
namespace {

class GivenInfinities : public testing::Test {
 protected:
  GivenInfinities() {
    using namespace temper::test;
    constexpr float kLow = -std::numeric_limits<float>::infinity();
    ModelParts parts;
    parts.inputs = {value_info("ids", {-1}, 7)};
    parts.outputs = {value_info("y", {-1, 2})};
    parts.initializers = {floats("table", {4, 2}, {kLow, kLow, 0.5f, -0.25f, 1, 2, -1, 0.75f})};
    parts.nodes = {node("Gather", {"table", "ids"}, {"y"}, {}, "look_up")};
    std::ofstream(folder_.path("table.onnx"), std::ios::binary) << parts.bytes();
    const std::vector<std::int64_t> ids = {1, 2, 3, 1, 2, 3};
    write_npz(
        folder_.path("data.npz"),
        {{"ids", Tensor::from<std::int64_t>(DType::kInt64, {6}, ids)},
         {"target", Tensor::from<float>(DType::kFloat32, {6, 2}, std::vector<float>(12, 0.0f))}});
  }

  Recipe recipe(const std::string& epochs) const {
    return tiny_recipe(folder_.path("table.onnx"), folder_.path("data.npz"), folder_.path("run"),
                       {"loss.name=mse", "data.batch_size=6", "train.epochs=" + epochs});
  }

  TempFolder folder_;
};

TEST_F(GivenInfinities, StayAndStopNeitherCheckpointsNorResuming) {
  EXPECT_EQ(run_tiny(recipe("2"), false).result.steps, 2);
  const RunRecord resumed = run_tiny(recipe("4"), true);
  EXPECT_EQ(resumed.result.steps, 4);
  EXPECT_LT(resumed.losses.back(), resumed.losses.front());
  const SafetensorsFile saved =
      read_safetensors(folder_.path("run/checkpoints/step-000000000004/weights.safetensors"));
  ASSERT_NE(saved.find("table"), nullptr);
  const std::vector<float> table = saved.find("table")->values<float>();
  EXPECT_EQ(table[0], -std::numeric_limits<float>::infinity());
  EXPECT_LT(table[2], 0.5f);
}

}  // namespace
}  // namespace temper::training
