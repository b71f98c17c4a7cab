// Optimizer state of what a stage unfreezes: as fresh as in PyTorch, where a parameter's steps
// count from its first gradient.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;

class StageState : public testing::Test {
 protected:
  StageState() {
    TinyModel plain;
    plain.batchnorm = false;
    plain.dropout = 0;
    write_tiny_model(folder_.path("plain.onnx"), plain);
    write_tiny_data(folder_.path("train.npz"), 24, 5);  // six steps an epoch
  }

  // w1 trains in the second and the last of four epochs.
  Recipe recipe(const std::string& out, Lines lines) const {
    lines.insert(lines.end(), {"train.epochs=4", "data.shuffle=false"});
    Recipe made = tiny_recipe(folder_.path("plain.onnx"), folder_.path("train.npz"),
                              folder_.path(out), lines);
    for (const char* frozen : {"w1", "b1", "w1", "b1"}) {
      made.stages.push_back({1, {frozen}, 1.0});
    }
    return made;
  }

  TempFolder folder_;
};

// The first step of Adam moves every element by the rate, whatever its gradient: lr g / (|g| +
// eps).
TEST_F(StageState, TheFirstStepOfAnUnfrozenParameterIsAFirstStep) {
  for (const char* optimizer : {"adam", "adamax", "nadam"}) {
    for (const char* device : {"train.device=\"cpu\"", "train.device=\"reference\""}) {
      std::filesystem::remove_all(folder_.path("run"));
      std::map<std::int64_t, std::vector<double>> w1;
      run_tiny(recipe("run", {"optimizer.name=\"" + std::string(optimizer) + "\"",
                              "optimizer.lr=0.01", "optimizer.eps=1e-12", device}),
               false, [&](const StepView& view) {
                 const VariableStore& store = view.session.engine().store();
                 w1[view.progress.step] = store.get(store.find("w1")).values<double>();
                 return false;
               });
      for (const std::int64_t first : {7, 19}) {
        std::int64_t moved = 0;
        double largest = 0;
        for (std::size_t i = 0; i < w1.at(first).size(); ++i) {
          const double step = std::abs(w1.at(first)[i] - w1.at(first - 1)[i]);
          moved += step > 0.004 ? 1 : 0;
          largest = std::max(largest, step);
        }
        // nadam's first step: mu_1 (1 - mu_2 ...) moves by a little more than the rate.
        EXPECT_LT(largest, 0.0151) << optimizer << " step " << first;
        EXPECT_GT(moved, 20) << optimizer << " step " << first;
        if (std::string(optimizer) != "nadam") {
          EXPECT_NEAR(largest, 0.01, 1e-6) << optimizer << " step " << first;
        }
      }
      EXPECT_EQ(w1.at(6), w1.at(1));
      EXPECT_EQ(w1.at(18), w1.at(12));
    }
  }
}

TEST_F(StageState, ResumeWithTheSameBits) {
  for (const char* optimizer : {"adamw", "nadam", "sgd"}) {
    for (const char* out : {"whole", "cut"}) {
      std::filesystem::remove_all(folder_.path(out));
    }
    const Lines lines = {"optimizer.name=\"" + std::string(optimizer) + "\""};
    const RunRecord whole = run_tiny(recipe("whole", lines), false);
    run_tiny(recipe("cut", lines), false,
             [](const StepView& view) { return view.progress.step == 21; });
    const RunRecord resumed = run_tiny(recipe("cut", lines), true);
    EXPECT_EQ(whole.variables, resumed.variables) << optimizer;
    EXPECT_EQ(whole.log, resumed.log) << optimizer;
  }
}

}  // namespace
}  // namespace temper::training
