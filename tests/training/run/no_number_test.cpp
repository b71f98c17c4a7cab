// NaN in a model's weights shows, also where a Relu is part of a product whose library makes 0 of
// NaN: predictions have it, and training counts its steps as skipped.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>

#include "tests/graph/onnx/wire_writer.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/analysis/prediction.h"

namespace temper::training {
namespace {

using test::floats;
using test::ModelParts;
using test::node;
using test::value_info;

class NoNumber : public testing::Test {
 protected:
  // x[batch, 6] -> w1, which holds NaN -> Relu -> w2 -> y[batch, 3].
  void write_files() const {
    std::vector<float> w1 = tiny_values(kTinyInputs * 8, 1);
    w1[3] = std::numeric_limits<float>::quiet_NaN();
    ModelParts parts;
    parts.inputs = {value_info("x", {-1, kTinyInputs})};
    parts.outputs = {value_info("y", {-1, kTinyClasses})};
    parts.initializers = {floats("w1", {kTinyInputs, 8}, w1),
                          floats("w2", {8, kTinyClasses}, tiny_values(8 * kTinyClasses, 2))};
    parts.nodes = {node("MatMul", {"x", "w1"}, {"h"}, {}, "first"),
                   node("Relu", {"h"}, {"a"}, {}, "relu"),
                   node("MatMul", {"a", "w2"}, {"y"}, {}, "second")};
    std::ofstream(folder_.path("m.onnx"), std::ios::binary) << parts.bytes();
    write_tiny_data(folder_.path("train.npz"), 24, 5);
  }
  Recipe recipe() const {
    return tiny_recipe(folder_.path("m.onnx"), folder_.path("train.npz"), folder_.path("run"),
                       {"data.shuffle=false", "train.epochs=1"});
  }

  TempFolder folder_;
};

TEST_F(NoNumber, OfAWeightIsInThePredictions) {
  write_files();
  const std::vector<float> y = predict(recipe()).outputs.at(0).second.values<float>();
  EXPECT_TRUE(std::all_of(y.begin(), y.end(), [](float v) { return std::isnan(v); }));
}

TEST_F(NoNumber, OfAWeightMakesEveryStepASkippedOne) {
  write_files();
  const RunRecord record = run_tiny(recipe(), false);
  EXPECT_EQ(record.result.skipped, 6);
  EXPECT_NE(record.messages.at(0).find("its loss is not finite"), std::string::npos);
}

}  // namespace
}  // namespace temper::training
