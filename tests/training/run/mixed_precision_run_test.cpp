// Whole runs under train.precision: accuracy, the loss scale's first steps, what is kept in
// float32, what is refused.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "runtime/base/float16.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/compile/step/loss_scaling.h"
#include "training/session/session.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;

class MixedPrecisionRun : public testing::Test {
 protected:
  MixedPrecisionRun() {
    write_tiny_model(folder_.path("tiny.onnx"));
    write_tiny_data(folder_.path("train.npz"), 40, 5);
  }
  Recipe recipe(const std::string& out, const Lines& lines) const {
    return tiny_recipe(folder_.path("tiny.onnx"), folder_.path("train.npz"), folder_.path(out),
                       lines);
  }
  // The variables when the run ends, by name.
  static std::map<std::string, std::vector<double>> values_after(const Recipe& recipe,
                                                                 RunRecord& record) {
    std::map<std::string, std::vector<double>> values;
    record = run_tiny(recipe, false, [&](const StepView& view) {
      const VariableStore& store = view.session.engine().store();
      for (int i = 0; i < store.count(); ++i) {
        values[store.variable(i).name] = store.get(i).values<double>();
        EXPECT_NE(size_of(store.variable(i).dtype), 2U) << store.variable(i).name;
      }
      return false;
    });
    return values;
  }
  TempFolder folder_;
};

double digits_accuracy(const std::string& precision, const std::string& out) {
  RecipeSources sources;
  sources.file = std::string(TEMPER_SOURCE_DIR) + "/models/digits/digits.toml";
  sources.overrides = {"train.precision=\"" + precision + "\"",
                       "train.out=\"" + out + "\"",
                       "train.epochs=4",
                       "train.threads=1",
                       "log.tensorboard=false",
                       "log.charts=false"};
  return run_tiny(read_recipe(sources), false).result.final_evaluation.metric("accuracy").value();
}

TEST_F(MixedPrecisionRun, LearnsTheDigitsAsWellAsFloat32WithinOnePoint) {
  const double f32 = digits_accuracy("f32", folder_.path("f32"));
  EXPECT_GT(f32, 0.95);
  EXPECT_NEAR(digits_accuracy("bf16", folder_.path("bf16")), f32, 0.01);
  EXPECT_NEAR(digits_accuracy("fp16", folder_.path("fp16")), f32, 0.01);
}

TEST_F(MixedPrecisionRun, KeepsFloat32MastersOfWhat16BitsCannotHold) {
  for (const char* precision : {"bf16", "fp16"}) {
    RunRecord record;
    const std::string out = concat("run_", precision);
    const auto values =
        values_after(recipe(out, {concat("train.precision=\"", precision, "\"")}), record);
    const auto is_rounded = [&](double value) {
      const auto single = static_cast<float>(value);
      return std::string(precision) == "bf16" ? static_cast<float>(BFloat16(single)) == single
                                              : static_cast<float>(Float16(single)) == single;
    };
    std::size_t rounded = 0;
    for (const double value : values.at("w1")) {
      rounded += is_rounded(value) ? 1 : 0;
    }
    EXPECT_LT(rounded, values.at("w1").size() / 4) << precision;
  }
}

// From 2^40 down to a scale that fp16 can take are more than twenty overflows in a row.
TEST_F(MixedPrecisionRun, FindsItsLossScaleWithoutStoppingAndWithOneMessage) {
  RunRecord record;
  const Lines lines = {"train.precision=\"fp16\"",
                       "scaler.init_scale=1099511627776.0",
                       "train.max_consecutive_skips=3",
                       "train.on_nonfinite=\"stop\"",
                       "log.every=1",
                       "train.epochs=6"};
  const auto values = values_after(recipe("run", lines), record);
  EXPECT_EQ(record.result.outcome, RunOutcome::kFinished);
  EXPECT_GT(record.result.skipped, 10);
  EXPECT_LT(record.result.skipped, record.result.steps - 10);
  EXPECT_EQ(record.messages.size(), 1U);
  EXPECT_EQ(values.at("step.loss_scale")[0],
            std::ldexp(1.0, 40 - static_cast<int>(record.result.skipped)));
  EXPECT_NE(record.log.find("\"opt/loss_scale\":"), std::string::npos);
}

TEST_F(MixedPrecisionRun, StopsWhenGradientsOverflowAtTheLeastScale) {
  expect_error(
      [&] {
        run_tiny(
            recipe("run", {"train.precision=\"fp16\"", "scaler.init_scale=1099511627776.0",
                           "scaler.min_scale=1099511627776.0", "train.max_consecutive_skips=3"}),
            false);
      },
      ErrorCode::kDiverged, "3 skipped steps in a row");
}

// Among what it tells people.
bool says(const Session& session, const std::string& text) {
  const std::vector<std::string>& notes = session.notes();
  return std::any_of(notes.begin(), notes.end(),
                     [&](const std::string& note) { return note.find(text) != std::string::npos; });
}

TEST_F(MixedPrecisionRun, SaysWhatAutoChoseAndKeepsItInTheRecipe) {
  const Session session(recipe("run", {"train.precision=\"auto\""}));
  const std::string& chosen = session.recipe().train.precision;
  EXPECT_EQ(chosen, session.backend().is_fast(DType::kBFloat16) ? "bf16" : "f32");
  EXPECT_TRUE(says(session, "train.precision = \"" + chosen + "\" ("));
}

TEST_F(MixedPrecisionRun, SaysWhenALossScaleHasNoEffect) {
  const Session session(recipe("run", {"train.precision=\"bf16\"", "scaler.init_scale=8.0"}));
  EXPECT_TRUE(says(session, "scaler.init_scale has no effect"));
}

// A resumed run reads a recipe.toml that says every key.
TEST_F(MixedPrecisionRun, SaysNothingOfALossScaleWhoseSettingsAreTheDefaults) {
  const Session session(recipe("run", {"train.precision=\"f32\"", "scaler.backoff_factor=0.5",
                                       "scaler.growth_interval=2000"}));
  EXPECT_FALSE(says(session, "has no effect"));
}

TEST_F(MixedPrecisionRun, RefusesScalersThatPyTorchRefuses) {
  for (const char* line : {"scaler.growth_factor=1.0", "scaler.backoff_factor=1.0",
                           "scaler.init_scale=0.0", "scaler.growth_interval=0"}) {
    expect_error([&] { recipe("run", {line}); }, ErrorCode::kInvalidArgument, "must be");
  }
  expect_error([&] { recipe("run", {"train.precision=\"fp61\""}); }, ErrorCode::kInvalidArgument,
               "f32, bf16, fp16, auto", "did you mean fp16?");
}

}  // namespace
}  // namespace temper::training
