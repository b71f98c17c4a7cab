// What one of two models has for itself in an adversarial run: clipping, schedule, momentum, and
// the average of the generator's weights.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <algorithm>
#include <cmath>

#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "tests/training/support/tiny_gan.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/run/weight_averaging.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;

class AdversarialSides : public TinyGans {
 protected:
  // The values of a tensor in an ONNX file.
  static std::vector<double> values(const std::string& model, const std::string& name) {
    const graph::Graph graph = graph::OnnxModel::load(model).build_graph(graph::standard_ops());
    return graph.variable(graph.find_variable(name)).initial.values<double>();
  }

  std::vector<double> generator_after(const std::string& out, const Lines& lines) const {
    const GanRecord record = run_tiny_gan(recipe(out, lines), false);
    return values(record.result.generator, "second.weight");
  }

  // The largest change of a tensor by a run.
  double moved(const std::string& trained, const char* model, const char* tensor) const {
    const std::vector<double> before = values(folder_.path(concat(model, ".onnx")), tensor);
    const std::vector<double> after = values(trained, tensor);
    double most = 0;
    for (std::size_t i = 0; i < before.size(); ++i) {
      most = std::max(most, std::abs(after[i] - before[i]));
    }
    return most;
  }
};

// A table of rates holds 1024 steps, and an iteration here has three of the discriminator: the
// 342nd goes over its end. From step 1023 on, which is that iteration's first, its rate is next to
// nothing.
TEST_F(AdversarialSides, RatesGoOnWhereATableEndsWithinAnIteration) {
  const auto discriminator_after = [&](const char* steps, std::int64_t late) {
    const Lines lines = {"adversarial.ratio=3",
                         concat("train.steps=", steps),
                         "checkpoint.every=1000",
                         "optimizer.discriminator.name=\"sgd\"",
                         "schedule.discriminator.name=\"step\"",
                         "schedule.discriminator.step_size=1023",
                         "schedule.discriminator.gamma=1e-30"};
    return run_tiny_gan(recipe(concat("run", steps, "-", late), lines), false, 0, {}, late)
        .discriminator;
  };
  const std::string before = discriminator_after("341", 0);
  EXPECT_NE(discriminator_after("340", 0), before);
  EXPECT_EQ(discriminator_after("345", 0), before);
  EXPECT_EQ(discriminator_after("345", 2), before);
}

TEST_F(AdversarialSides, WhatOneModelsClippingLeavesOutIsThatOfBoth) {
  const Recipe made = recipe("run", {"clip.norm=2", "clip.norm_type=1", "clip.generator.norm=0.5",
                                     "clip.discriminator.value=3"});
  EXPECT_EQ(made.adversarial.generator.clip.norm, 0.5);
  EXPECT_EQ(made.adversarial.generator.clip.norm_type, 1);
  EXPECT_EQ(made.adversarial.generator.clip.value, 0);
  EXPECT_EQ(made.adversarial.discriminator.clip.norm, 2);
  EXPECT_EQ(made.adversarial.discriminator.clip.value, 3);
}

TEST_F(AdversarialSides, EachModelIsClippedByItself) {
  const GanRecord record = run_tiny_gan(
      recipe("run", {"optimizer.generator.name=\"sgd\"", "optimizer.discriminator.name=\"sgd\"",
                     "clip.discriminator.norm=1e-6"}),
      false);
  EXPECT_LT(moved(record.result.discriminator, "discriminator", "second.weight"), 1e-6);
  EXPECT_GT(moved(record.result.generator, "generator", "second.weight"), 1e-4);
}

TEST_F(AdversarialSides, AgcLeavesOutTensorsByTheNamesOfTheirOwnFile) {
  const Lines lines = {"clip.generator.agc=1e-9", "clip.generator.agc_exclude=[\"second.*\"]",
                       "optimizer.generator.name=\"sgd\""};
  const GanRecord record = run_tiny_gan(recipe("run", lines), false);
  EXPECT_LT(moved(record.result.generator, "generator", "first.weight"), 1e-6);
  EXPECT_GT(moved(record.result.generator, "generator", "second.weight"), 1e-4);
}

TEST_F(AdversarialSides, AScheduleOfOneModelLeavesTheOtherItsOwn) {
  const GanRecord record = run_tiny_gan(
      recipe("run", {"schedule.name=\"exponential\"", "schedule.gamma=0.9", "log.every=1",
                     "schedule.generator.name=\"step\"", "schedule.generator.step_size=5",
                     "schedule.generator.gamma=0.5", "train.steps=12"}),
      false);
  const std::vector<double> generator = logged(record.log, "g/lr");
  const std::vector<double> discriminator = logged(record.log, "d/lr");
  ASSERT_EQ(generator.size(), 12U);
  for (std::size_t i = 0; i < generator.size(); ++i) {
    EXPECT_NEAR(generator[i], 0.01 * std::pow(0.5, static_cast<double>(i / 5)), 1e-15);
    EXPECT_NEAR(discriminator[i], 0.01 * std::pow(0.9, static_cast<double>(i)), 1e-15);
  }
}

TEST_F(AdversarialSides, OneCycleMovesTheMomentumToo) {
  const Lines cycle = {"schedule.name=\"one_cycle\"", "schedule.max_lr=0.02"};
  Lines still = cycle;
  still.emplace_back("schedule.cycle_momentum=false");
  EXPECT_NE(generator_after("moving", cycle), generator_after("still", still));
  Lines none = cycle;
  none.emplace_back("optimizer.generator.name=\"sgd\"");
  expect_error([&] { run_tiny_gan(recipe("none", none), false); }, ErrorCode::kInvalidArgument,
               "one_cycle", "optimizer.generator.momentum");
}

TEST_F(AdversarialSides, ASchedulePartWithoutItsNameIsAnError) {
  expect_error([&] { recipe("run", {"schedule.generator.warmup=\"5%\""}); },
               ErrorCode::kInvalidArgument, "schedule.generator.warmup", "schedule.generator.name");
}

TEST_F(AdversarialSides, TablesOfTwoModelsAreAnErrorInARecipeOfOne) {
  RecipeSources sources;
  sources.overrides = {"model.path=\"m.onnx\"", "clip.generator.norm=1"};
  expect_error([&] { read_recipe(sources); }, ErrorCode::kInvalidArgument, "clip.generator.norm",
               "two models");
}

// With the same steps, the average after n of them is known from the weights after each.
TEST_F(AdversarialSides, TheGeneratorsAverageIsThatOfItsWeights) {
  std::vector<double> expected;
  for (int n = 1; n <= 3; ++n) {
    const std::vector<double> weights =
        generator_after(concat("last", n), {concat("train.steps=", n)});
    if (n == 1) {
      expected = weights;
    }
    for (std::size_t i = 0; i < weights.size(); ++i) {
      expected[i] = 0.75 * expected[i] + 0.25 * weights[i];
    }
  }
  const Lines average = {"average.kind=\"ema\"", "average.decay=0.75", "train.steps=3"};
  const std::vector<double> exported = generator_after("average", average);
  ASSERT_EQ(exported.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(exported[i], expected[i], 1e-6);
  }
  Lines last = average;
  last.emplace_back("average.export=\"last\"");
  EXPECT_EQ(generator_after("kept", last), generator_after("plain", {"train.steps=3"}));
}

TEST_F(AdversarialSides, SamplesAreTheAveragedGenerators) {
  const Lines lines = {"average.kind=\"ema\"", "average.decay=0.9", "train.steps=8"};
  const GanRecord averaged = run_tiny_gan(recipe("run", lines), false);
  const GanRecord plain = run_tiny_gan(recipe("plain", {"train.steps=8"}), false);
  EXPECT_EQ(averaged.losses, plain.losses);  // the average changes nothing of the training
  EXPECT_NE(averaged.samples.back(), plain.samples.back());
}

TEST_F(AdversarialSides, AugmentationChangesTheRealPictures) {
  const auto run = [&](const std::string& out, const std::string& line) {
    RecipeSources sources;
    sources.file = std::string(TEMPER_SOURCE_DIR) + "/models/digits_gan/digits_gan.toml";
    sources.overrides = {"train.steps=2",
                         "data.batch_size=8",
                         "train.threads=1",
                         "log.every=1",
                         "log.tensorboard=false",
                         "train.out=\"" + folder_.path(out) + "\"",
                         line};
    return logged(run_tiny_gan(read_recipe(sources), false).log, "d/real");
  };
  const std::vector<double> plain = run("plain", "augment.horizontal_flip=0");
  const std::vector<double> mirrored = run("mirrored", "augment.horizontal_flip=1");
  ASSERT_EQ(plain.size(), 2U);
  EXPECT_NE(plain, mirrored);
}

}  // namespace
}  // namespace temper::training
