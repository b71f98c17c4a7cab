// Averages of the weights: AveragedModel's and update_bn's numbers, what is measured and exported,
// skipped steps, exact resume.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "backends/common/optimizers/average.h"
#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "tests/graph/onnx/wire_writer.h"
#include "tests/training/expected/weight_averages.h"
#include "tests/training/support/tiny_runs.h"
#include "training/formats/npz.h"
#include "training/formats/safetensors.h"
#include "training/records/run_export.h"
#include "training/run/update_batchnorm.h"
#include "training/run/weight_averaging.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;
using Numbers = std::vector<double>;

// As in the oracle script.
Numbers weights(std::int64_t update) {
  Numbers three;
  for (std::int64_t i = 0; i < 3; ++i) {
    const std::int64_t mixed = (update + 1) * (37 * i + 11) * 7919 + i * 104729;
    three.push_back(static_cast<double>(mixed % 2003 - 1001) / 1024.0);
  }
  return three;
}

TEST(WeightAverage, IsPyTorchsAfterEachUpdate) {
  for (const ExpectedAverage& wanted : expected_averages()) {
    AverageSettings settings;
    settings.kind = wanted.kind;
    settings.decay = wanted.decay;
    settings.warmup = wanted.warmup;
    settings.start = "10 steps";
    settings.every = 3;
    const AveragePlan plan(settings, {100, 1000});
    Numbers average(3, -7.0);
    std::int64_t update = 0;
    for (std::int64_t applied = 1; applied <= 10 + 12 * 3; ++applied) {
      UpdateStep step;
      step.rate = plan.weight(applied);
      EXPECT_EQ(step.rate > 0, applied > 10 && (applied - 10) % 3 == 0) << applied;
      if (step.rate > 0) {
        const Numbers now = weights(update);
        update_each(AverageUpdate<double>::make(step, nullptr),
                    UpdateSlice<double>{average.data(), now.data(), {}, 3});
        for (std::size_t i = 0; i < 3; ++i) {
          EXPECT_NEAR(average[i], wanted.after[static_cast<std::size_t>(update)][i], 1e-14)
              << wanted.kind << " update " << update;
        }
        ++update;
      }
      EXPECT_EQ(plan.updates(applied), update);
    }
  }
}

TEST(WeightAverage, BeginsAndMovesAsTheKindDoesUnlessTold) {
  AverageSettings settings;
  settings.kind = "ema";
  EXPECT_EQ(AveragePlan(settings, {10, 100}).updates(7), 7);
  settings.kind = "swa";  // at 75 steps, each epoch
  EXPECT_EQ(AveragePlan(settings, {10, 100}).updates(84), 0);
  EXPECT_EQ(AveragePlan(settings, {10, 100}).updates(85), 1);
  EXPECT_EQ(AveragePlan(settings, {10, 100}).updates(100), 2);
  EXPECT_EQ(AveragePlan(settings, {10, 100}).buffer_weight(95), 1);
  settings.use_buffers = true;
  EXPECT_EQ(AveragePlan(settings, {10, 100}).buffer_weight(95), 0.5);
}

class AveragedRun : public TinyRuns {
 protected:
  AveragedRun() : TinyRuns({}, {17}) {}  // a step of each epoch is skipped

  static Numbers stored(const Session& session, const std::string& name) {
    const VariableStore& store = const_cast<Session&>(session).engine().store();
    return store.get(store.find(name)).values<double>();
  }

  static Numbers average_of(const Session& session, const std::string& name) {
    const VariableStore& store = const_cast<Session&>(session).engine().store();
    const auto average = VariableIdentity::beside(store.find(name), VariableKind::kAverage);
    return store.get(store.find(average)).values<double>();
  }

  Numbers exported(const std::string& path, const std::string& name) const {
    const graph::OnnxModel model = graph::OnnxModel::load(path, {});
    const graph::Graph graph = model.build_graph(graph::standard_ops());
    return graph.variable(graph.find_variable(name)).initial.values<double>();
  }
};

struct Setting {
  const char* name;
  Lines lines;
};

class AveragedRunWith : public AveragedRun, public testing::WithParamInterface<Setting> {};

// ema of decay 0.6 every second applied step from the fourth on, written out here.
TEST_P(AveragedRunWith, KeepsTheAverageOfAppliedSteps) {
  Lines lines = GetParam().lines;
  lines.insert(lines.end(), {"average.kind=\"ema\"", "average.decay=0.6",
                             "average.start=\"4 steps\"", "average.every=2"});
  std::map<std::string, Numbers> expected, last;
  std::int64_t applied = 0, updates = 0;
  const RunRecord record = run_tiny(recipe("run", lines), false, [&](const StepView& view) {
    applied += view.skipped ? 0 : 1;
    const bool moves = !view.skipped && applied > 4 && applied % 2 == 0;
    updates += moves ? 1 : 0;
    for (const char* name : {"w1", "b1", "w2", "bn.weight", "bn.mean", "bn.var"}) {
      const Numbers now = stored(view.session, name);
      Numbers& average = expected[name];
      average.resize(now.size());
      const bool copies =
          updates == 1 || std::string(name) == "bn.mean" || std::string(name) == "bn.var";
      for (std::size_t i = 0; moves && i < now.size(); ++i) {
        average[i] = copies ? now[i] : 0.6 * average[i] + 0.4 * now[i];
      }
      const Numbers actual = average_of(view.session, name);
      for (std::size_t i = 0; i < now.size(); ++i) {
        EXPECT_NEAR(actual[i], average[i], 1e-6) << name << " after step " << view.progress.step;
      }
    }
    return false;
  });
  EXPECT_GT(record.result.skipped, 0);
  EXPECT_GT(updates, 3);
  const Numbers w1 = exported(record.result.last_model, "w1");
  for (std::size_t i = 0; i < w1.size(); ++i) {
    EXPECT_NEAR(w1[i], expected["w1"][i], 1e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Settings, AveragedRunWith,
    testing::Values(Setting{"Cpu", {}}, Setting{"Reference", {"train.device=\"reference\""}},
                    Setting{"Accumulation", {"train.accumulate=2", "train.epochs=4"}},
                    Setting{"Muon", {"optimizer.name=\"muon\""}}),
    [](const auto& each) { return std::string(each.param.name); });

TEST_F(AveragedRun, ExportsAndMeasuresTheWeightsThatWereAskedFor) {
  const Lines common = {"average.kind=\"ema\"", "average.decay=0.9"};
  Lines plain = common;
  plain.insert(plain.end(), {"average.export=\"last\"", "average.validate=false"});
  Numbers w1, average;
  const auto watch = [&](const StepView& view) {
    w1 = stored(view.session, "w1");
    average = average_of(view.session, "w1");
    return false;
  };
  const RunRecord averaged = run_tiny(recipe("averaged", common), false, watch);
  EXPECT_EQ(exported(averaged.result.last_model, "w1"), average);
  EXPECT_EQ(
      averaged.messages.front(),
      "step 1: the weights are averaged (ema) from here on; validation and exported models use "
      "the average");
  const Numbers w1_beside = w1;
  const RunRecord last = run_tiny(recipe("last", plain), false, watch);
  EXPECT_EQ(exported(last.result.last_model, "w1"), w1);
  EXPECT_NE(w1, average);
  EXPECT_EQ(w1, w1_beside);  // averages are beside the run, not in it
  EXPECT_NE(averaged.result.final_evaluation.loss, last.result.final_evaluation.loss);
}

TEST_F(AveragedRun, ResumesWithTheSameBits) {
  for (const Lines& lines :
       {Lines{"average.kind=\"ema\"", "average.warmup=true"},
        Lines{"average.kind=\"swa\"", "average.start=\"1 epochs\"", "average.every=4",
              "train.eval_every=7"},
        Lines{"average.kind=\"swa\"", "average.start=\"6 steps\"", "average.use_buffers=true",
              "average.every=3", "train.accumulate=2"},
        Lines{"average.kind=\"ema\"", "train.spike=\"rollback\"", "train.spike_window=3",
              "train.spike_factor=1.05", "train.spike_of=\"loss\"", "train.spike_snapshot=4"}}) {
    for (const char* out : {"whole", "cut"}) {
      std::filesystem::remove_all(folder_.path(out));
    }
    const RunRecord whole = run_tiny(recipe("whole", lines), false);
    run_tiny(recipe("cut", lines), false,
             [](const StepView& view) { return view.progress.step == 13; });
    const RunRecord resumed = run_tiny(recipe("cut", lines), true);
    EXPECT_EQ(whole.variables, resumed.variables) << lines[0];
    EXPECT_EQ(whole.log, resumed.log) << lines[0];
    EXPECT_EQ(whole.last_model, resumed.last_model) << lines[0];
  }
}

TEST_F(AveragedRun, StagesAverageWhatIsFrozenMeanwhile) {
  Recipe staged = recipe("run", {"average.kind=\"swa\"", "average.start=\"0 steps\"",
                                 "average.every=1", "average.update_bn=false", "train.epochs=2"});
  staged.stages = {{1, {"w1"}, 1.0}, {1, {}, 1.0}};
  Numbers sum, average;
  std::int64_t count = 0;
  run_tiny(staged, false, [&](const StepView& view) {
    const Numbers now = stored(view.session, "w1");
    sum.resize(now.size());
    count += view.skipped ? 0 : 1;
    for (std::size_t i = 0; !view.skipped && i < now.size(); ++i) {
      sum[i] += now[i];
    }
    average = average_of(view.session, "w1");
    return false;
  });
  for (std::size_t i = 0; i < sum.size(); ++i) {
    EXPECT_NEAR(average[i], sum[i] / static_cast<double>(count), 1e-6);
  }
}

// A model that is a BatchNormalization and a sum: its statistics are those of the rows.
TEST_F(AveragedRun, UpdateBatchnormGivesPyTorchsStatistics) {
  using namespace temper::test;
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, 3})};
  parts.outputs = {value_info("y", {-1, 3})};
  const std::vector<float> ones(3, 1.0f), zeros(3, 0.0f);
  parts.initializers = {floats("s", {3}, ones), floats("b", {3}, zeros), floats("mean", {3}, ones),
                        floats("var", {3}, ones)};
  parts.nodes = {node("BatchNormalization", {"x", "s", "b", "mean", "var"}, {"y"}, {}, "norm")};
  std::ofstream(folder_.path("norm.onnx"), std::ios::binary) << parts.bytes();
  std::vector<float> rows;
  for (std::int64_t i = 0; i < 14; ++i) {
    for (const double value : weights(100 + i)) {
      rows.push_back(static_cast<float>(value));
    }
  }
  const Tensor x = Tensor::from<float>(DType::kFloat32, {14, 3}, rows);
  write_npz(folder_.path("rows.npz"), {{"x", x}, {"target", x}});
  Session session(tiny_recipe(folder_.path("norm.onnx"), folder_.path("rows.npz"),
                              folder_.path("run"), {"loss.name=\"mse\"", "average.kind=\"swa\""}));
  session.engine().prepare(session.requests());
  update_batchnorm(session);
  const ExpectedStatistics expected = expected_statistics();
  const Numbers mean = stored(session, "mean"), variance = stored(session, "var");
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(mean[i], expected.mean[i], 1e-6);
    EXPECT_NEAR(variance[i], expected.variance[i], 1e-6);
  }
}

TEST_F(AveragedRun, ExportsEitherWeightsOfACheckpoint) {
  const RunRecord record = run_tiny(recipe("run", {"average.kind=\"ema\""}), false);
  const std::string out = folder_.path("out.onnx");
  export_run(folder_.path("run"), out, true);
  EXPECT_EQ(read_bytes(out), read_bytes(record.result.last_model));
  export_run(folder_.path("run"), out, false);
  EXPECT_NE(read_bytes(out), read_bytes(record.result.last_model));
  const RunRecord plain = run_tiny(recipe("plain", {}), false);
  export_run(folder_.path("plain"), out, false);
  EXPECT_EQ(read_bytes(out), read_bytes(plain.result.last_model));
  expect_error([&] { export_run(folder_.path("plain"), out, true); }, ErrorCode::kInvalidArgument,
               "no averaged weights", "average.kind");
  expect_error([&] { export_run(folder_.path("nothing"), out, true); }, ErrorCode::kInvalidArgument,
               "not a run directory");
}

TEST_F(AveragedRun, CheckpointsKeepTheAveragesInAFileOfTheirOwn) {
  const Lines lines = {"average.kind=\"ema\"", "checkpoint.every=5"};
  const RunRecord whole = run_tiny(recipe("whole", lines), false);
  run_tiny(recipe("cut", lines), false,
           [](const StepView& view) { return view.progress.step == 13; });
  const std::string newest = folder_.path("cut/checkpoints/step-000000000013");
  const SafetensorsFile weights = read_safetensors(newest + "/weights.safetensors");
  const SafetensorsFile averages = read_safetensors(newest + "/ema.safetensors");
  EXPECT_EQ(averages.tensors.size(), weights.tensors.size());
  for (const auto& [name, value] : averages.tensors) {
    ASSERT_NE(weights.find(name), nullptr) << name;
    EXPECT_EQ(value.shape(), weights.find(name)->shape());
  }
  for (const auto& [name, value] : read_safetensors(newest + "/optimizer.safetensors").tensors) {
    EXPECT_FALSE(name.starts_with("average/")) << name;
  }
  EXPECT_NE(read_bytes(newest + "/MANIFEST").find("\"ema.safetensors\""), std::string::npos);

  // Without it the checkpoint is not whole: the one before is taken.
  std::filesystem::remove(newest + "/ema.safetensors");
  const RunRecord resumed = run_tiny(recipe("cut", lines), true);
  ASSERT_FALSE(resumed.messages.empty());
  EXPECT_NE(resumed.messages.front().find("ema.safetensors"), std::string::npos)
      << resumed.messages.front();
  EXPECT_EQ(resumed.losses.size(), whole.losses.size() - 10);
  EXPECT_EQ(resumed.variables, whole.variables);

  run_tiny(recipe("plain", {}), false);
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path("plain/checkpoints"))) {
    EXPECT_FALSE(std::filesystem::exists(entry.path() / "ema.safetensors"));
  }
}

TEST_F(AveragedRun, RefusesAStartThatIsNoLength) {
  expect_error(
      [&] { run_tiny(recipe("run", {"average.kind=\"ema\"", "average.start=\"soon\""}), false); },
      ErrorCode::kInvalidArgument, "average.start", "500 steps");
}

// A weight is read where it is: it is no gradient, and nothing copies it.
TEST_F(AveragedRun, TakesNoGradientsOfItsOwn) {
  const auto plan_with = [&](const Lines& lines) {
    Session session(recipe("unused", lines));
    session.engine().prepare(session.requests());
    const Plan& plan = session.engine().plan(session.requests().front());
    const auto reorders =
        std::count_if(plan.steps.begin(), plan.steps.end(),
                      [](const PlanStep& step) { return step.origin == "gradient layout"; });
    return std::pair(plan.flat_bytes, reorders);
  };
  const auto without = plan_with({});
  EXPECT_GT(without.first, 0);
  EXPECT_EQ(plan_with({"average.kind=\"ema\""}), without);
  EXPECT_EQ(plan_with({"average.kind=\"ema\"", "average.use_buffers=true"}), without);
}

}  // namespace
}  // namespace temper::training
