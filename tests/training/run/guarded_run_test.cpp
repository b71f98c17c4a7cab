// Whole runs on a device whose memory the host cannot touch and whose stream works late: the same
// bits as on the host, which shows that training reads and writes variables and outputs through the
// store and the executor alone, and waits where it must.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <bit>
#include <cstdint>
#include <filesystem>

#include "backends/backends.h"
#include "tests/guarded_backend.h"
#include "tests/training/support/evaluation_figures.h"
#include "tests/training/support/tiny_gan.h"
#include "tests/training/support/tiny_runs.h"
#include "training/analysis/diagnosis.h"
#include "training/analysis/gradients.h"
#include "training/analysis/lr_find.h"
#include "training/analysis/prediction.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;

EngineOptions guarded() {
  EngineOptions options;
  options.make_backend = [](std::string_view device) {
    return test::make_guarded_backend(make_backend(device));
  };
  return options;
}

// Numbers that may be no numbers, which are equal to nothing.
std::vector<std::uint64_t> bits_of(const std::vector<double>& values) {
  std::vector<std::uint64_t> bits;
  for (const double value : values) {
    bits.push_back(std::bit_cast<std::uint64_t>(value));
  }
  return bits;
}

void expect_same(const RunRecord& host, const RunRecord& device) {
  EXPECT_EQ(bits_of(host.losses), bits_of(device.losses));
  EXPECT_EQ(host.variables, device.variables);
  EXPECT_EQ(host.log, device.log);
  EXPECT_EQ(host.messages, device.messages);
  EXPECT_TRUE(host.last_model == device.last_model);
}

class GuardedRun : public TinyRuns, public testing::WithParamInterface<Lines> {
 protected:
  GuardedRun() : TinyRuns({true, 0.3}) {}
};

TEST_P(GuardedRun, HasTheBitsOfTheHost) {
  Lines lines = GetParam();
  lines.insert(lines.begin(), {"train.device=\"reference\"", "checkpoint.every=5", "data.seed=3"});
  // The folder's name is in some messages.
  const TempFolder elsewhere;
  const RunRecord host = run_tiny(recipe("run", lines), false);
  std::filesystem::rename(folder_.path("run"), elsewhere.path("host"));
  expect_same(host, run_tiny(recipe("run", lines), false, nullptr, guarded()));
}

INSTANTIATE_TEST_SUITE_P(
    Recipes, GuardedRun,
    testing::Values(
        Lines{}, Lines{"train.accumulate=3", "clip.norm=0.5"},
        Lines{"train.device=\"cpu\"", "optimizer.name=\"sgd\"", "schedule.name=\"cosine\""},
        Lines{"average.kind=\"ema\"", "average.decay=0.9"},
        Lines{"average.kind=\"swa\"", "average.start=\"1 epochs\"", "average.every=4"},
        Lines{"train.spike=\"rollback\"", "train.spike_window=3", "train.spike_factor=1.05",
              "train.spike_of=\"loss\"", "train.spike_snapshot=4"},
        Lines{"train.precision=\"fp16\"", "clip.value=0.1"},
        Lines{"log.tensorboard=true", "log.histograms=2", "checkpoint.top_k=2"},
        Lines{"metrics.names=[\"all\"]", "optimizer.name=\"muon\""}));

class GuardedRuns : public TinyRuns {
 protected:
  GuardedRuns() : TinyRuns({true, 0.3}) {}
  Lines lines(Lines more = {}) const {
    more.emplace_back("train.device=\"reference\"");
    return more;
  }
};

// There the reports of steps are on their way while the device has not even begun them.
TEST_F(GuardedRuns, WithLateReportsHaveTheBitsOfTheHost) {
  for (const Lines& wanted : {lines(), lines({"train.accumulate=3"})}) {
    const std::string name = std::to_string(wanted.size());
    const RunRecord host = run_tiny(recipe("host" + name, wanted), false);
    for (const std::int64_t late : {1, 4}) {
      const std::string out = concat("late", name, "_", late);
      const RunRecord device = run_tiny(recipe(out, wanted), false, nullptr, guarded(), late);
      EXPECT_EQ(host.variables, device.variables);
      EXPECT_EQ(host.log, device.log);
    }
  }
}

TEST_F(GuardedRuns, StagesKeepTheirValues) {
  Recipe host = recipe("run", lines({"train.epochs=3"}));
  host.stages = {{1, {"w1"}, 1.0}, {2, {}, 0.5}};
  Recipe device = recipe("device", lines({"train.epochs=3"}));
  device.stages = host.stages;
  EXPECT_EQ(run_tiny(host, false).variables, run_tiny(device, false, nullptr, guarded()).variables);
}

TEST_F(GuardedRuns, ResumeFromACheckpointOfEither) {
  const Lines wanted = lines({"checkpoint.every=2", "train.accumulate=2"});
  const auto stop = [](const StepView& view) { return view.progress.step == 7; };
  const RunRecord whole = run_tiny(recipe("whole", wanted), false);
  run_tiny(recipe("device", wanted), false, stop, guarded());
  EXPECT_EQ(run_tiny(recipe("device", wanted), true, nullptr, guarded()).variables,
            whole.variables);
  run_tiny(recipe("from_host", wanted), false, stop);
  EXPECT_EQ(run_tiny(recipe("from_host", wanted), true, nullptr, guarded()).variables,
            whole.variables);
}

TEST_F(GuardedRuns, LrFindAndDiagnosisSeeTheSame) {
  const auto points = [&](EngineOptions options) {
    Session session(recipe("run", lines()), std::move(options));
    LrFindOptions find;
    find.steps = 20;
    std::vector<double> losses;
    for (const LrFindPoint& point : find_learning_rate(session, find).points) {
      losses.push_back(point.loss);
    }
    losses.push_back(session.engine().store().get(0).values<double>().front());
    return losses;
  };
  EXPECT_EQ(points({}), points(guarded()));
  const auto figures = [&](EngineOptions options) {
    Session session(recipe("run", lines()), std::move(options), diagnosis_needs());
    DiagnosisOptions wanted;
    wanted.steps = 8;
    const Diagnosis diagnosis = diagnose(session, wanted);
    std::vector<std::vector<std::uint64_t>> all = {bits_of(diagnosis.losses),
                                                   bits_of(diagnosis.gradient_norms)};
    for (const TensorDiagnosis& tensor : diagnosis.tensors) {
      all.push_back(bits_of(tensor.gradient_norms));
      all.push_back(bits_of(tensor.update_ratios));
    }
    return all;
  };
  EXPECT_EQ(figures({}), figures(guarded()));
}

TEST_F(GuardedRuns, EvaluationPredictionAndGradientsAreTheSame) {
  EXPECT_EQ(evaluation_figures(recipe("run", lines())),
            evaluation_figures(recipe("run", lines()), guarded()));
  const Recipe wanted = recipe("run", lines({"data.batch_size=16"}));
  const Prediction host = predict(wanted), device = predict(wanted, guarded());
  ASSERT_EQ(host.outputs.size(), 1U);
  EXPECT_TRUE(equal_bits(host.outputs[0].second, device.outputs.at(0).second));
  const Gradients here = compute_gradients(wanted, {}),
                  there = compute_gradients(wanted, {}, guarded());
  EXPECT_EQ(here.loss, there.loss);
  for (std::size_t i = 0; i < here.tensors.size(); ++i) {
    EXPECT_TRUE(equal_bits(here.tensors[i].second, there.tensors.at(i).second));
  }
}

class GuardedBadRows : public TinyRuns {
 protected:
  GuardedBadRows() : TinyRuns({true, 0.3}, {9, 21}) {}
};

TEST_F(GuardedBadRows, SkippedAndDivergedStepsAreTheSame) {
  const Lines skip = {"train.device=\"reference\"", "train.on_nonfinite=\"skip\""};
  expect_same(run_tiny(recipe("a", skip), false),
              run_tiny(recipe("b", skip), false, nullptr, guarded()));
  const Lines stop = {"train.device=\"reference\"", "train.on_nonfinite=\"stop\""};
  const auto message = [&](const std::string& out, EngineOptions options) -> std::string {
    try {
      run_tiny(recipe(out, stop), false, nullptr, std::move(options));
    } catch (const Error& error) {
      return error.message();
    }
    return "";
  };
  const std::string host = message("c", {});
  EXPECT_NE(host.find("the first bad values come from"), std::string::npos) << host;
  EXPECT_EQ(host, message("d", guarded()));
}

class GuardedGans : public TinyGans {};

TEST_F(GuardedGans, TrainAndResumeWithTheSameBits) {
  const Lines lines = {"train.device=\"reference\"", "checkpoint.every=5", "average.kind=\"ema\""};
  const GanRecord host = run_tiny_gan(recipe("host", lines), false);
  const GanRecord device = run_tiny_gan(recipe("device", lines), false, 0, guarded());
  EXPECT_EQ(host.variables, device.variables);
  EXPECT_EQ(host.log, device.log);
  EXPECT_EQ(host.samples, device.samples);
  EXPECT_TRUE(host.generator == device.generator);
  run_tiny_gan(recipe("cut", lines), false, 7, guarded());
  EXPECT_EQ(run_tiny_gan(recipe("cut", lines), true, 0, guarded()).variables, host.variables);
}

TEST_F(GuardedGans, TheSampleTrains) {
  const auto run = [&](const std::string& out, EngineOptions options) {
    RecipeSources sources;
    sources.file = TEMPER_SOURCE_DIR "/models/digits_gan/digits_gan.toml";
    sources.overrides = {"train.steps=2",         "data.batch_size=8",
                         "train.threads=1",       "log.every=1",
                         "log.tensorboard=false", "train.device=\"cpu\"",
                         "log.charts=false",      "train.out=\"" + folder_.path(out) + "\""};
    return run_tiny_gan(read_recipe(sources), false, 0, std::move(options)).variables;
  };
  EXPECT_EQ(run("host", {}), run("device", guarded()));
}

TEST(GuardedSample, TheDigitsTrain) {
  const TempFolder folder;
  const auto run = [&](const std::string& out, EngineOptions options) {
    RecipeSources sources;
    sources.file = TEMPER_SOURCE_DIR "/models/digits/digits.toml";
    sources.overrides = {"train.epochs=1", "log.tensorboard=false", "log.charts=false",
                         "train.threads=1", "train.out=\"" + folder.path(out) + "\""};
    return run_tiny(read_recipe(sources), false, nullptr, std::move(options));
  };
  const RunRecord host = run("host", {}), device = run("device", guarded());
  EXPECT_EQ(host.variables, device.variables);
  EXPECT_EQ(host.log, device.log);
}

}  // namespace
}  // namespace temper::training
