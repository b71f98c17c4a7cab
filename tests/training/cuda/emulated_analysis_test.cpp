// What is done beside training, on the emulated device against the CPU: the rate finder, the
// diagnosis, evaluation, prediction; teachers, lengths that differ, carried states.
#include <temper_test_paths.h>

#include <algorithm>
#include <cmath>

#include "tests/training/cuda/device_pair.h"
#include "tests/training/support/evaluation_figures.h"
#include "training/analysis/diagnosis.h"
#include "training/analysis/gradients.h"
#include "training/analysis/lr_find.h"
#include "training/analysis/prediction.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;

class EmulatedAnalysis : public EmulatedRuns {
 protected:
  EmulatedAnalysis() {
    TinyModel still;
    still.dropout = 0;
    write_tiny_model(folder_.path("tiny.onnx"), still);
    write_tiny_data(folder_.path("train.npz"), 38, 5);
    write_tiny_data(folder_.path("val.npz"), 10, 6);
  }
  Recipe recipe(const std::string& device, Lines lines = {}) const {
    lines.push_back("train.device=\"" + device + "\"");
    lines.push_back("data.val=\"" + folder_.path("val.npz") + "\"");
    lines.emplace_back("model.freeze=[\"b1\"]");  // in front of a normalisation
    return tiny_recipe(folder_.path("tiny.onnx"), folder_.path("train.npz"), folder_.path(device),
                       lines);
  }
};

void expect_near(const std::vector<double>& cpu, const std::vector<double>& device,
                 double tolerance, const std::string& what) {
  ASSERT_EQ(cpu.size(), device.size()) << what;
  for (std::size_t i = 0; i < cpu.size(); ++i) {
    if (!std::isnan(cpu[i]) || !std::isnan(device[i])) {  // of a frozen tensor
      EXPECT_NEAR(cpu[i], device[i], tolerance * std::max(1.0, std::abs(cpu[i])))
          << what << " " << i;
    }
  }
}

TEST_F(EmulatedAnalysis, TheRateFinderSeesTheSameCurveAndPutsAllBack) {
  const auto find = [&](const std::string& device, std::vector<double>& rates) {
    Session session(recipe(device), {});
    LrFindOptions options;
    options.from = 1e-5;
    options.to = 0.1;
    options.steps = 20;
    std::vector<double> losses;
    for (const LrFindPoint& point : find_learning_rate(session, options).points) {
      losses.push_back(point.loss);
      rates.push_back(point.lr);
    }
    const std::string after = hash_of_variables(session.engine().store());
    find_learning_rate(session, options);
    EXPECT_EQ(hash_of_variables(session.engine().store()), after);
    return losses;
  };
  std::vector<double> cpu_rates, device_rates;
  const auto cpu = find("cpu", cpu_rates), device = find(kDevice, device_rates);
  EXPECT_EQ(cpu.size(), 20u);
  EXPECT_EQ(cpu_rates, device_rates);
  expect_near(cpu, device, 1e-4, "loss");
}

TEST_F(EmulatedAnalysis, TheDiagnosisSeesTheSame) {
  const auto figures = [&](const std::string& device) {
    Session session(recipe(device), {}, diagnosis_needs());
    DiagnosisOptions options;
    options.steps = 8;
    return diagnose(session, options);
  };
  const Diagnosis cpu = figures("cpu"), device = figures(kDevice);
  EXPECT_EQ(cpu.losses.size(), 8u);
  expect_near(cpu.losses, device.losses, 1e-4, "loss");
  expect_near(cpu.gradient_norms, device.gradient_norms, 1e-4, "norm");
  ASSERT_EQ(cpu.tensors.size(), device.tensors.size());
  for (std::size_t i = 0; i < cpu.tensors.size(); ++i) {
    expect_near(cpu.tensors[i].gradient_norms, device.tensors[i].gradient_norms, 1e-4, "gradient");
    expect_near(cpu.tensors[i].update_ratios, device.tensors[i].update_ratios, 1e-4, "update");
  }
  ASSERT_EQ(cpu.layers.size(), device.layers.size());
  ASSERT_FALSE(cpu.layers.empty());
  for (std::size_t i = 0; i < cpu.layers.size(); ++i) {
    EXPECT_NEAR(cpu.layers[i].mean(), device.layers[i].mean(), 1e-4);
    EXPECT_NEAR(cpu.layers[i].zero_share(), device.layers[i].zero_share(), 0.01);
  }
}

TEST_F(EmulatedAnalysis, EvaluationPredictionAndGradientsAreTheSame) {
  const auto evaluated = [&](const std::string& device) {
    return evaluation_figures(recipe(device, {"metrics.names=[\"all\"]"}));
  };
  const auto values = evaluated("cpu");
  EXPECT_GT(values.size(), 3u);
  expect_near(values, evaluated(kDevice), 1e-5, "metric");
  const Lines wide = {"data.batch_size=16"};
  const Prediction cpu = predict(recipe("cpu", wide)), device = predict(recipe(kDevice, wide));
  ASSERT_EQ(cpu.outputs.size(), 1u);
  expect_near(cpu.outputs[0].second.values<double>(), device.outputs.at(0).second.values<double>(),
              1e-5, "output");
  GradientOptions all;
  all.inputs = true;
  const Gradients here = compute_gradients(recipe("cpu"), all),
                  there = compute_gradients(recipe(kDevice), all);
  EXPECT_NEAR(here.loss, there.loss, 1e-6);
  ASSERT_EQ(here.tensors.size(), there.tensors.size());
  for (std::size_t i = 0; i < here.tensors.size(); ++i) {
    EXPECT_EQ(here.tensors[i].first, there.tensors[i].first);
    expect_near(here.tensors[i].second.values<double>(), there.tensors[i].second.values<double>(),
                1e-5, here.tensors[i].first);
  }
}

// A recipe of lines alone, on both devices.
void expect_same_training(const TempFolder& folder, const Lines& lines, const std::string& file,
                          const Nearness& nearness = {}) {
  const auto run = [&](const std::string& device) {
    RecipeSources sources;
    sources.file = file;
    sources.overrides = {"train.device=\"" + device + "\"",
                         "train.threads=1",
                         "log.every=1",
                         "log.tensorboard=false",
                         "log.charts=false",
                         "train.out=\"" + folder.path(device) + "\""};
    sources.overrides.insert(sources.overrides.end(), lines.begin(), lines.end());
    return run_tiny(read_recipe(sources), false);
  };
  const RunRecord cpu = run("cpu"), device = run(kDevice);
  EXPECT_GT(cpu.losses.size(), 5u);
  expect_near_runs(cpu, device, nearness);
}

class EmulatedRecipes : public EmulatedRuns {};

TEST_F(EmulatedRecipes, ATeacherTeachesTheSame) {
  expect_same_training(folder_,
                       {"train.steps=6", "train.eval_every=0", "train.limit_val_batches=2",
                        "loss.teacher.model=\"" TEMPER_SOURCE_DIR "/models/digits/digits.onnx\""},
                       TEMPER_SOURCE_DIR "/models/digits/digits.toml");
}

TEST_F(EmulatedRecipes, SamplesOfDifferentLengthsTrainTheSame) {
  for (const std::string name : {"tagger", "lstm"}) {
    const TempFolder folder;
    expect_same_training(
        folder,
        {"model.path=\"" + fixture("lengths/" + name + ".onnx") + "\"",
         "data.train=\"" + fixture("lengths/" + name + (name == "lstm" ? ".npz" : ".jsonl")) + "\"",
         "data.batch_size=3", "data.buckets=[4, 8]", "train.epochs=3", "optimizer.lr=0.01"},
        "");
  }
}

TEST_F(EmulatedRecipes, StatesGoOnFromBatchToBatchTheSame) {
  expect_same_training(folder_,
                       {"model.path=\"" + fixture("carried/language_f32.onnx") + "\"",
                        "data.train=\"" + fixture("carried/text.npy") + "\"", "data.format=tokens",
                        "data.batch_size=3", "model.input.h0.carry=hn", "model.input.c0.carry=auto",
                        "loss.name=cross_entropy", "loss.output=scores", "loss.class_axis=-1",
                        "train.steps=20", "optimizer.name=sgd", "optimizer.lr=0.5"},
                       "");
}

}  // namespace
}  // namespace temper::training
