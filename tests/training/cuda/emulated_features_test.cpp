// What a recipe can ask for, on the emulated device: as on the CPU, and stopped and resumed with
// the same bits. 38 rows are nine batches of 4 and one of 2, which is a plan of its own.
#include <algorithm>
#include <filesystem>
#include <utility>

#include "tests/training/cuda/device_pair.h"
#include "training/optimizers/optimizer.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;

class EmulatedTinyRuns : public EmulatedRuns {
 protected:
  // The step of row 17 is not finite.
  EmulatedTinyRuns() {
    write_tiny_model(folder_.path("tiny.onnx"));
    write_tiny_data(folder_.path("train.npz"), 38, 5, {17});
    write_tiny_data(folder_.path("val.npz"), 10, 6);
  }

  Recipe recipe(const std::string& device, const std::string& out, Lines lines) const {
    lines.push_back("train.device=\"" + device + "\"");
    lines.push_back("data.val=\"" + folder_.path("val.npz") + "\"");
    // In front of a normalisation: its gradient is rounding alone, of which Adam makes whole steps.
    lines.emplace_back("model.freeze=[\"b1\"]");
    return tiny_recipe(folder_.path("tiny.onnx"), folder_.path("train.npz"), folder_.path(out),
                       lines);
  }
  RunRecord run(const std::string& device, const Lines& lines) {
    return run_tiny(recipe(device, device, lines), false);
  }

  // A run cut after `step`, resumed, against `whole`.
  void expect_same_bits_when_cut(const RunRecord& whole, std::int64_t step, const Lines& lines) {
    SCOPED_TRACE(concat("cut after step ", step));
    std::filesystem::remove_all(folder_.path("cut"));
    const Recipe wanted = recipe(kDevice, "cut", lines);
    const RunRecord cut =
        run_tiny(wanted, false, [&](const StepView& view) { return view.progress.step == step; });
    ASSERT_EQ(cut.result.outcome, RunOutcome::kInterrupted);
    const RunRecord resumed = run_tiny(wanted, true);
    EXPECT_EQ(whole.variables, resumed.variables);
    EXPECT_EQ(whole.log, resumed.log);
    EXPECT_EQ(whole.last_model, resumed.last_model);
    EXPECT_EQ(whole.result.skipped, resumed.result.skipped);
  }
};

struct Feature {
  const char* name;
  Lines lines;
  Nearness nearness = {};
  bool bad_row = true;  // a step is not finite
};

void PrintTo(const Feature& feature, std::ostream* out) { *out << feature.name; }

class EmulatedFeature : public EmulatedTinyRuns, public testing::WithParamInterface<Feature> {
 protected:
  EmulatedFeature() {
    if (!GetParam().bad_row) {
      write_tiny_data(folder_.path("train.npz"), 38, 5);
    }
  }
};

TEST_P(EmulatedFeature, TrainsAsOnTheCpu) {
  const RunRecord cpu = run("cpu", GetParam().lines);
  const RunRecord device = run(kDevice, GetParam().lines);
  EXPECT_EQ(cpu.result.skipped > 0, GetParam().bad_row);
  expect_near_runs(cpu, device, GetParam().nearness);
}

TEST_P(EmulatedFeature, ResumesWithTheSameBits) {
  const Lines& lines = GetParam().lines;
  const RunRecord whole = run(kDevice, lines);
  expect_same_bits_when_cut(whole, whole.result.steps / 2, lines);
}

// Statistics are measured anew, over all rows.
const Nearness kAveraged = {1e-4, 1e-3, 1e-3};
const Nearness kSixteenBits = {1e-2, 3e-2, 3e-2};

INSTANTIATE_TEST_SUITE_P(
    Features, EmulatedFeature,
    testing::Values(
        Feature{"Plain", {}}, Feature{"Accumulation", {"train.accumulate=3", "clip.norm=0.5"}},
        Feature{"AccumulationByBatches", {"train.accumulate=2", "train.accumulate_by=\"batches\""}},
        Feature{"ClipNorm", {"clip.norm=0.1", "schedule.name=\"one_cycle\""}},
        Feature{"ClipValue", {"clip.value=0.05"}}, Feature{"ClipAdaptive", {"clip.agc=0.05"}},
        Feature{"MovingAverage", {"average.kind=\"ema\"", "average.decay=0.9"}},
        Feature{"StochasticAverage",
                {"average.kind=\"swa\"", "average.start=\"1 epochs\"", "average.every=4"},
                kAveraged,
                false},
        Feature{"AverageWithBuffers",
                {"average.kind=\"swa\"", "average.start=\"6 steps\"", "average.use_buffers=true",
                 "average.every=3", "train.accumulate=2"},
                kAveraged,
                false},
        Feature{"Rollback",
                {"train.spike=\"rollback\"", "train.spike_window=3", "train.spike_factor=1.05",
                 "train.spike_of=\"loss\"", "train.spike_snapshot=4"}},
        Feature{"EvaluationBetweenSteps",
                {"train.eval_every=3", "schedule.name=\"plateau\"", "schedule.patience=0",
                 "schedule.threshold=0.5", "metrics.names=[\"all\"]"}},
        Feature{"Centralized", {"optimizer.centralize=true", "optimizer.weight_decay=0.1"}},
        Feature{"Bf16", {"train.precision=\"bf16\"", "clip.norm=1.0"}, kSixteenBits},
        Feature{"Fp16",  // from 2^30 down to a scale that gradients can take: many skips
                {"train.precision=\"fp16\"", "scaler.init_scale=1073741824.0",
                 "scaler.growth_interval=4"},
                kSixteenBits},
        Feature{"Fp16Accumulation",
                {"train.precision=\"fp16\"", "scaler.growth_interval=4", "train.accumulate=3"},
                kSixteenBits}),
    [](const auto& each) { return std::string(each.param.name); });

// A cut after each step of a run in which much goes on.
TEST_F(EmulatedTinyRuns, ResumeAfterEveryStepWithTheSameBits) {
  const Lines lines = {
      "train.epochs=2",           "average.kind=\"ema\"", "schedule.name=\"cosine\"",
      "train.accumulate=2",       "clip.norm=0.5",        "train.precision=\"fp16\"",
      "scaler.growth_interval=3", "checkpoint.every=3",   "train.eval_every=4"};
  const RunRecord whole = run(kDevice, lines);
  ASSERT_EQ(whole.result.steps, 10);
  for (std::int64_t step = 1; step < whole.result.steps; ++step) {
    expect_same_bits_when_cut(whole, step, lines);
  }
}

TEST_F(EmulatedTinyRuns, StagesKeepAndMoveTheSameWeightsAsOnTheCpu) {
  const auto staged = [&](const std::string& device, const std::string& out) {
    Recipe made = recipe(device, out, {"train.epochs=3"});
    made.stages = {{1, {"w1", "bn.*"}, 1.0}, {2, {}, 0.5}};
    return made;
  };
  const RunRecord cpu = run_tiny(staged("cpu", "cpu"), false);
  const RunRecord device = run_tiny(staged(kDevice, "device"), false);
  expect_near_runs(cpu, device);
  const auto before = tensors_of(folder_.path("tiny.onnx"));
  const auto after = tensors_of(device.result.last_model);
  EXPECT_NE(before.at("w1"), after.at("w1"));
  for (const std::int64_t step : {5, 10, 11, 17}) {  // 10: between the stages
    std::filesystem::remove_all(folder_.path("cut"));
    run_tiny(staged(kDevice, "cut"), false,
             [&](const StepView& view) { return view.progress.step == step; });
    EXPECT_EQ(run_tiny(staged(kDevice, "cut"), true).variables, device.variables) << step;
  }
}

TEST_F(EmulatedTinyRuns, TwoRunsGiveTheSameBits) {
  const RunRecord one = run(kDevice, {});
  std::filesystem::remove_all(folder_.path(kDevice));
  const RunRecord two = run(kDevice, {});
  EXPECT_EQ(one.variables, two.variables);
  EXPECT_EQ(one.log, two.log);
}

// Counters, and what the host says of the step.
bool moves_anyway(const std::string& name) {
  return name == "step.attempted" || name == "step.position" || name == "step.accumulate";
}

TEST_F(EmulatedTinyRuns, ASkippedStepChangesNothing) {
  for (const std::string more : {"train.accumulate=1", "train.accumulate=2", "clip.agc=0.1"}) {
    std::filesystem::remove_all(folder_.path("run"));
    std::map<std::string, std::string> before;
    int skips = 0;
    run_tiny(recipe(kDevice, "run", {"train.epochs=2", more}), false, [&](const StepView& view) {
      auto after = bytes_of_variables(view.session.engine().store());
      for (const auto& [name, bytes] : after) {
        if (view.skipped && !moves_anyway(name)) {
          EXPECT_EQ(bytes, before.at(name)) << name;
        }
      }
      EXPECT_TRUE(view.skipped || before.empty() || after.at("w1") != before.at("w1"));
      skips += view.skipped ? 1 : 0;
      before = std::move(after);
      return false;
    });
    EXPECT_EQ(skips, 2) << more;
  }
}

TEST_F(EmulatedTinyRuns, ADivergedStepNamesTheSameNodeAsOnTheCpu) {
  const auto message = [&](const std::string& device) -> std::string {
    try {
      run(device, {"train.on_nonfinite=\"stop\""});
    } catch (const Error& error) {
      return error.message();
    }
    return "";
  };
  const std::string cpu = message("cpu");
  EXPECT_NE(cpu.find("the first bad values come from"), std::string::npos) << cpu;
  const auto of_node = [](const std::string& text) {
    return text.substr(std::min(text.size(), text.find("the first bad values")));
  };
  EXPECT_EQ(of_node(cpu), of_node(message(kDevice)));
}

class EmulatedOptimizer : public EmulatedTinyRuns,
                          public testing::WithParamInterface<std::string> {};

TEST_P(EmulatedOptimizer, MovesAsOnTheCpuAndResumesWithTheSameBits) {
  Lines lines = {"optimizer.name=\"" + GetParam() + "\"", "optimizer.weight_decay=0.01",
                 "train.epochs=2", "clip.norm=1.0"};
  if (GetParam() == "sgd") {  // so that it has a state
    lines.emplace_back("optimizer.momentum=0.9");
  }
  const RunRecord cpu = run("cpu", lines), device = run(kDevice, lines);
  expect_near_runs(cpu, device, {1e-4, 1e-3, 1e-3});
  const auto before = tensors_of(folder_.path("tiny.onnx"));
  EXPECT_NE(before.at("w1"), tensors_of(device.result.last_model).at("w1"));
  expect_same_bits_when_cut(device, 13, lines);
}

std::vector<std::string> optimizer_names() {
  std::vector<std::string> all;
  for (const Optimizer& optimizer : optimizers()) {
    all.push_back(optimizer.name);
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Optimizers, EmulatedOptimizer, testing::ValuesIn(optimizer_names()),
                         [](const auto& tested) { return tested.param; });

class EmulatedGans : public EmulatedRuns {
 protected:
  EmulatedGans() {
    write_tiny_generator(folder_.path("generator.onnx"));
    write_tiny_discriminator(folder_.path("discriminator.onnx"));
    write_tiny_data(folder_.path("train.npz"), 38, 5);
  }
  Recipe recipe(const std::string& device, const std::string& out, Lines lines) const {
    lines.push_back("train.device=\"" + device + "\"");
    return tiny_gan_recipe(folder_.path("."), out, lines);
  }
};

TEST_F(EmulatedGans, TrainAsOnTheCpuAndResumeWithTheSameBits) {
  // Adam makes whole steps of the rounding that is the gradient in front of a normalisation.
  const std::string descent = "optimizer.generator.name=\"sgd\"";
  const Lines plain = {"average.kind=\"ema\"", "checkpoint.every=5", descent};
  const Lines penalty = {"adversarial.loss=\"wasserstein_gp\"", "adversarial.ratio=2", descent};
  for (const Lines& lines : {plain, penalty}) {
    const std::string of = lines.front() == plain.front() ? "plain" : "penalty";
    SCOPED_TRACE(of);
    const GanRecord cpu = run_tiny_gan(recipe("cpu", "cpu_" + of, lines), false);
    const GanRecord device = run_tiny_gan(recipe(kDevice, of, lines), false);
    expect_near_gans(cpu, device, {1e-4, 1e-3, 1e-3});
    const Recipe cut = recipe(kDevice, "cut_" + of, lines);
    run_tiny_gan(cut, false, 7);
    const GanRecord resumed = run_tiny_gan(cut, true);
    EXPECT_EQ(resumed.variables, device.variables);
    EXPECT_EQ(resumed.log, device.log);
    EXPECT_EQ(resumed.generator, device.generator);
  }
}

}  // namespace
}  // namespace temper::training
