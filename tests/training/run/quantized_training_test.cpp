// [quantize]: training with rounding gives PyTorch's numbers (tools/oracle/quantized_training.py),
// resumes with the same bits, and writes a model of integers that gives what the run measured.
#include "tests/training/expected/quantized_training.h"

#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <filesystem>

#include "graph/onnx/import.h"
#include "runtime/base/error.h"
#include "tests/training/support/tiny_runs.h"
#include "training/analysis/training_step.h"
#include "training/records/run_export.h"
#include "training/session/evaluation.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;

std::string fixture(const std::string& name) {
  return TEMPER_SOURCE_DIR "/tests/training/fixtures/rounded/" + name;
}

// Rows in their order, 4 batches of 8 an epoch, 20 steps of SGD.
Recipe oracle_recipe(const std::string& out, const Lines& more) {
  Lines lines = {"optimizer.name=\"sgd\"",
                 "optimizer.lr=0.2",
                 "data.batch_size=8",
                 "train.epochs=5",
                 "data.shuffle=false",
                 "quantize.calibrate=32",
                 "data.val=\"" + fixture("rounded.npz") + "\""};
  lines.insert(lines.end(), more.begin(), more.end());
  return tiny_recipe(fixture("rounded.onnx"), fixture("rounded.npz"), out, lines);
}

std::vector<double> value_of(const Session& session, const std::string& name) {
  const VariableStore& store = session.engine().store();
  const int id = store.find(name);
  EXPECT_GE(id, 0) << name;
  return store.get(id).to_plain().values<double>();
}

void expect_near(const std::vector<double>& actual, const std::vector<double>& expected,
                 double tolerance, const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    EXPECT_NEAR(actual[i], expected[i], tolerance) << what << " " << i;
  }
}

using Expected = expected::QuantizedTraining;

class QuantizedTraining : public testing::TestWithParam<std::tuple<std::string, std::size_t>> {};

TEST_P(QuantizedTraining, IsThatOfPyTorch) {
  const auto& [device, number] = GetParam();
  const Expected& wanted = expected::kQuantizedTraining[number];
  const TempFolder folder;
  Lines lines = wanted.lines;
  lines.push_back("train.device=\"" + device + "\"");
  std::vector<double> weight, ranges, scales;
  const RunRecord run =
      run_tiny(oracle_recipe(folder.path("run"), lines), false, [&](const StepView& view) {
        if (view.progress.step == 20) {
          weight = value_of(view.session, "fc1.weight");
          for (const char* name : {"x.low", "x.high", "r.low", "r.high"}) {
            ranges.push_back(value_of(view.session, name).at(0));
          }
          for (const char* name : {"x_scale", "r_scale", "fc1.weight_scale"}) {
            if (!wanted.scales.empty()) {
              const std::vector<double> more = value_of(view.session, name);
              scales.insert(scales.end(), more.begin(), more.end());
            }
          }
        }
        return false;
      });
  expect_near(run.losses, wanted.losses, 2e-5, "loss of step");
  EXPECT_NEAR(logged(run.log, "val/loss").back(), wanted.final_loss, 2e-5);
  expect_near(weight, wanted.fc1_weight, 2e-5, "weight");
  expect_near(scales, wanted.scales, 1e-6, "scale");
  if (!wanted.ranges.empty()) {
    expect_near(ranges, wanted.ranges, 1e-5, "end of a range");
  }
}

INSTANTIATE_TEST_SUITE_P(All, QuantizedTraining,
                         testing::Combine(testing::Values("cpu", "reference"),
                                          testing::Range(std::size_t{0},
                                                         expected::kQuantizedTraining.size())),
                         [](const auto& each) {
                           return std::get<0>(each.param) + "_" +
                                  expected::kQuantizedTraining[std::get<1>(each.param)].name;
                         });

class QuantizedRun : public TinyRuns {
 protected:
  QuantizedRun() : TinyRuns({true, 0.3}) {}

  static Lines with(Lines lines) {
    lines.insert(lines.begin(), "quantize.bits=8");
    return lines;
  }

  std::map<std::string, std::int64_t> ops(const std::string& path) const {
    const auto all = graph::OnnxModel::load(path).op_counts();
    return {all.begin(), all.end()};
  }

  // The loss of a file on the validation data, as any other model's.
  double loss_of(const std::string& path) const {
    Recipe alone = recipe("eval");
    alone.model.path = path;
    SessionNeeds needs;
    needs.trains = false;
    Session session(alone, {}, needs);
    SetMetrics none;
    return evaluate_validation_rows(session, none).loss;
  }

  void expect_error(const Lines& lines, const std::string& part) {
    try {
      run_tiny(recipe("refused", with(lines)), false);
      ADD_FAILURE() << "no error with '" << part << "'";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }
};

TEST_F(QuantizedRun, ResumesWithTheSameBits) {
  const std::vector<Lines> settings = {
      {"quantize.observers=\"moving\""},
      {"quantize.observers=\"moving\"", "train.accumulate=2"},
      {"quantize.observers=\"learned\""},
      {"quantize.observers=\"fixed\"", "average.kind=\"ema\""},
      {"quantize.export=\"rounded\"", "quantize.activations=\"symmetric\""}};
  for (std::size_t i = 0; i < settings.size(); ++i) {
    const std::string whole = "whole" + std::string(1, static_cast<char>('0' + i)),
                      cut = "cut" + std::string(1, static_cast<char>('0' + i));
    const RunRecord all = run_tiny(recipe(whole, with(settings[i])), false);
    // Moving ranges stand still from step 15 of 30, or 8 of 15.
    const RunRecord first = run_tiny(recipe(cut, with(settings[i])), false,
                                     [](const StepView& view) { return view.progress.step == 7; });
    ASSERT_EQ(first.result.outcome, RunOutcome::kInterrupted);
    const RunRecord resumed = run_tiny(recipe(cut, with(settings[i])), true);
    EXPECT_EQ(all.variables, resumed.variables) << i;
    EXPECT_EQ(all.log, resumed.log) << i;
    EXPECT_EQ(all.last_model, resumed.last_model) << i;
    EXPECT_EQ(read_bytes(folder_.path(whole + "/best.onnx")),
              read_bytes(folder_.path(cut + "/best.onnx")))
        << i;
  }
}

TEST_F(QuantizedRun, WritesIntegersThatGiveWhatTheRunMeasured) {
  for (const char* observers : {"moving", "fixed", "learned"}) {
    const RunRecord run = run_tiny(
        recipe(observers, with({std::string("quantize.observers=\"") + observers + "\""})), false);
    auto counts = ops(run.result.last_model);
    EXPECT_EQ(counts["BatchNormalization"], 0);  // folded
    EXPECT_EQ(counts["QuantizeLinear"], 2);      // x and the second product's input
    EXPECT_EQ(counts["DequantizeLinear"], 6);    // these, two weights and two biases
    const double measured = logged(run.log, "val/loss").back();
    EXPECT_NEAR(loss_of(run.result.last_model), measured, 1e-5 * measured) << observers;
    EXPECT_NEAR(loss_of(run.result.best_model), run.result.final_evaluation.loss,
                1e-5 * run.result.final_evaluation.loss)
        << observers;
    // The checkpoint's model is the last one.
    const std::string out = folder_.path(std::string(observers) + "-exported.onnx");
    export_run(folder_.path(observers), out, false);
    EXPECT_NEAR(loss_of(out), measured, 1e-5 * measured) << observers;
  }
}

TEST_F(QuantizedRun, WritesAModelThatGoesOnRoundingWhereAsked) {
  const RunRecord run = run_tiny(recipe("float", with({"quantize.export=\"rounded\""})), false);
  auto counts = ops(run.result.last_model);
  EXPECT_EQ(counts["QuantizeLinear"], 4);  // of two values and two float weights
  EXPECT_EQ(counts["DequantizeLinear"], 4);
  const double measured = logged(run.log, "val/loss").back();
  EXPECT_NEAR(loss_of(run.result.last_model), measured, 1e-6 * measured);
}

TEST_F(QuantizedRun, BeginsAsTheStaticallyQuantisedModel) {
  const RunRecord run = run_tiny(recipe("given", with({})), false);
  const Evaluation& given = run.result.given_evaluation;
  ASSERT_GT(given.samples, 0);
  const double floats = loss_of(folder_.path("tiny.onnx"));
  EXPECT_NE(given.loss, floats);
  EXPECT_NEAR(given.loss, floats, 0.02 * floats);
}

TEST_F(QuantizedRun, RangesStandStillBehindTheirShareOfTheRun) {
  std::vector<double> highs;
  run_tiny(recipe("ranges", with({"quantize.freeze_after=0.4"})), false, [&](const StepView& view) {
    highs.push_back(value_of(view.session, "x.high").at(0));
    return false;
  });
  ASSERT_EQ(highs.size(), 30u);
  for (std::size_t i = 1; i < highs.size(); ++i) {
    EXPECT_EQ(highs[i] == highs[i - 1], i >= 12) << i;  // twelve steps move them
  }
}

TEST_F(QuantizedRun, LearntScalesHaveARateOfTheirOwnAndNoDecay) {
  std::vector<double> first, last;
  const Lines lines = with(
      {"quantize.observers=\"learned\"", "quantize.scale_lr=1e-30", "optimizer.weight_decay=0.5"});
  run_tiny(recipe("still", lines), false, [&](const StepView& view) {
    last = value_of(view.session, "w1_scale");
    first = first.empty() ? last : first;
    return false;
  });
  EXPECT_EQ(first, last);
}

TEST_F(QuantizedRun, LeavesOutWhatIsSkipped) {
  const RunRecord run = run_tiny(recipe("skipped", with({"quantize.skip=[\"second\"]"})), false);
  auto counts = ops(run.result.last_model);
  EXPECT_EQ(counts["QuantizeLinear"], 1);
  EXPECT_EQ(counts["DequantizeLinear"], 3);
  expect_error({"quantize.skip=[\"third\"]"}, "\"third\" matches no layer");
  expect_error({"quantize.skip=[\"**\"]"}, "w1: quantize.skip");
}

TEST_F(QuantizedRun, RefusesWhatItCannotDo) {
  expect_error({"train.precision=\"bf16\""}, "train.precision = \"f32\"");
  expect_error({"quantize.bits=4"}, "needs opset 21");
  expect_error({"quantize.bits=3"}, "must be 8, 4 or 0");
  expect_error({"train.cache_features=true", "model.freeze=[\"w1\"]"}, "[quantize] rounds");
  const RunRecord run = run_tiny(recipe("once", with({})), false);
  Recipe again = recipe("twice", with({}));
  again.model.path = run.result.last_model;
  EXPECT_THROW(run_tiny(again, false), Error);
}

TEST_F(QuantizedRun, HasNoTrainingStepAsAFile) {
  Session session(recipe("step", with({"model.batchnorm=\"frozen\""})));
  try {
    make_training_step(session);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("no [quantize]"), std::string::npos) << error.what();
  }
}

TEST_F(QuantizedRun, NamesAValueWithoutARange) {
  write_tiny_data(folder_.path("bad.npz"), 38, 5, {17});
  Recipe bad = recipe("bad", with({}));
  bad.data.train = folder_.path("bad.npz");
  try {
    run_tiny(bad, false);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("quantize.skip"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace temper::training
