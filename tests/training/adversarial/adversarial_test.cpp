// Adversarial training: whose step changes what, exact resume, weight clipping, samples, what the
// models are called, and settings that make no sense.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "graph/ops/standard_ops.h"
#include "tests/training/support/tiny_gan.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/compile/step/step_variables.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;
using Values = std::map<std::string, std::vector<double>>;

class Adversarial : public TinyGans {};

struct Setting {
  const char* name;
  Lines lines;
};

class AdversarialResume : public Adversarial, public testing::WithParamInterface<Setting> {};

// 38 rows are 9 batches of 4; row 17 makes its step not finite.
TEST_P(AdversarialResume, GivesTheSameBitsAsTheRunThatWasNotCut) {
  write_tiny_data(folder_.path("train.npz"), 38, 5, {17});
  const GanRecord whole = run_tiny_gan(recipe("whole", GetParam().lines), false);
  ASSERT_EQ(whole.result.outcome, RunOutcome::kFinished);
  EXPECT_GT(whole.result.skipped, 0);
  const GanRecord first = run_tiny_gan(recipe("cut", GetParam().lines), false, 8);
  ASSERT_EQ(first.result.outcome, RunOutcome::kInterrupted);
  ASSERT_EQ(first.result.steps, 8);
  const GanRecord resumed = run_tiny_gan(recipe("cut", GetParam().lines), true);
  EXPECT_EQ(resumed.result.outcome, RunOutcome::kFinished);
  EXPECT_EQ(whole.variables, resumed.variables);
  EXPECT_EQ(whole.log, resumed.log);
  EXPECT_EQ(whole.generator, resumed.generator);
  EXPECT_EQ(whole.discriminator, resumed.discriminator);
  EXPECT_EQ(whole.result.skipped, resumed.result.skipped);
  EXPECT_EQ(whole.samples.back(), resumed.samples.back());
}

INSTANTIATE_TEST_SUITE_P(
    Settings, AdversarialResume,
    testing::Values(
        Setting{"NonSaturating", {}},
        Setting{"RatioTwoWithCosine", {"adversarial.ratio=2", "schedule.name=\"cosine\""}},
        Setting{"GradientPenalty", {"adversarial.loss=\"wasserstein_gp\"", "adversarial.ratio=2"}},
        Setting{"WeightClip", {"adversarial.loss=\"wasserstein\"", "adversarial.weight_clip=0.9"}},
        Setting{"R1AndSgd",
                {"adversarial.r1_penalty=1.0", "optimizer.generator.name=\"sgd\"",
                 "adversarial.distribution=\"uniform\""}},
        Setting{"AverageAndOneCycle",
                {"average.kind=\"ema\"", "average.decay=0.8", "clip.generator.norm=0.1",
                 "schedule.generator.name=\"one_cycle\"", "schedule.generator.max_lr=0.02"}}),
    [](const testing::TestParamInfo<Setting>& setting) { return setting.param.name; });

Values values_of(const VariableStore& store) {
  Values values;
  for (int i = 0; i < store.count(); ++i) {
    values[store.variable(i).name] = store.get(i).values<double>();
  }
  return values;
}

// The names of variables that differ, up to their second "::" or ".".
std::set<std::string> changed(const Values& before, const Values& after) {
  std::set<std::string> names;
  for (const auto& [name, values] : before) {
    if (values != after.at(name)) {
      names.insert(name);
    }
  }
  return names;
}

class AdversarialStep : public Adversarial {
 protected:
  std::set<std::string> changed_by(AdversarialGraphKind kind) {
    write_tiny_discriminator(folder_.path("discriminator.onnx"), true);
    AdversarialSession session(recipe("run"));
    session.prepare();
    for (const int model : {kGeneratorModel, kDiscriminatorModel}) {
      const int rates = session.store().find(ScalarRole::kRates, model);
      const auto count = session.store().variable(rates).shape.element_count();
      session.store().set_range<double>(rates, 0,
                                        std::vector<double>(static_cast<std::size_t>(count), 0.1));
    }
    const auto loader = session.make_train_loader({});
    const Values before = values_of(session.store());
    const HeldExecutor held = session.executor(kind);
    Executor& executor = *held;
    session.bind(executor, *loader->next());
    executor.run();
    return changed(before, values_of(session.store()));
  }

  static void expect_only(const std::set<std::string>& names, const std::string& prefix) {
    EXPECT_TRUE(names.contains(prefix + "first.weight"));
    EXPECT_TRUE(names.contains(prefix + "second.bias"));
    EXPECT_TRUE(names.contains(prefix + "bn.mean"));
    EXPECT_TRUE(names.contains(prefix + "bn.weight"));
    EXPECT_TRUE(names.contains(prefix + "step.applied"));
    EXPECT_TRUE(names.contains(prefix + "step.position"));
    for (const std::string& name : names) {
      EXPECT_TRUE(name.starts_with(prefix)) << name;
    }
  }
};

TEST_F(AdversarialStep, OfTheDiscriminatorChangesNothingOfTheGenerator) {
  expect_only(changed_by(AdversarialGraphKind::kDiscriminator), kDiscriminatorPrefix);
}

TEST_F(AdversarialStep, OfTheGeneratorChangesNothingOfTheDiscriminator) {
  expect_only(changed_by(AdversarialGraphKind::kGenerator), kGeneratorPrefix);
}

TEST_F(AdversarialStep, OfSamplingChangesNothingAtAll) {
  EXPECT_EQ(changed_by(AdversarialGraphKind::kSample), std::set<std::string>{});
}

TEST_F(Adversarial, GivesTheSameLossesOnTheReferenceBackend) {
  const Lines lines = {"adversarial.loss=\"wasserstein_gp\"", "train.steps=6"};
  Lines reference = lines;
  reference.emplace_back("train.device=\"reference\"");
  const GanRecord fast = run_tiny_gan(recipe("fast", lines), false);
  const GanRecord slow = run_tiny_gan(recipe("slow", reference), false);
  ASSERT_EQ(fast.losses.size(), 6U);
  for (std::size_t i = 0; i < fast.losses.size(); ++i) {
    EXPECT_NEAR(fast.losses[i], slow.losses[i], 1e-4) << "iteration " << i;
  }
}

TEST_F(Adversarial, ClipsEveryWeightOfTheDiscriminatorAndNoneOfTheGenerator) {
  AdversarialSession session(
      recipe("run", {"adversarial.loss=\"wasserstein\"", "adversarial.weight_clip=0.05"}));
  session.prepare();
  session.executor(AdversarialGraphKind::kClipWeights)->run();
  const auto largest = [&](const std::string& name) {
    double most = 0;
    const Tensor weight = session.store().get(session.store().find(name));
    for (const double value : weight.values<double>()) {
      most = std::max(most, std::abs(value));
    }
    return most;
  };
  EXPECT_FLOAT_EQ(static_cast<float>(largest("discriminator::first.weight")), 0.05f);
  EXPECT_FLOAT_EQ(static_cast<float>(largest("discriminator::second.weight")), 0.05f);
  EXPECT_GT(largest("generator::first.weight"), 0.5);
}

TEST_F(Adversarial, ShowsTheSameNoiseAtEverySample) {
  AdversarialSession session(recipe("run"));
  session.prepare();
  const Tensor first = session.sample();
  EXPECT_EQ(first.shape(), (Shape{4, 6}));
  EXPECT_EQ(first.values<double>(), session.sample().values<double>());
}

TEST_F(Adversarial, WritesBothModelsWithTheTrainedValuesUnderTheirOwnNames) {
  AdversarialSession session(recipe("run"));
  session.prepare();
  const int id = session.store().find("generator::second.bias");
  Tensor value = session.store().get(id);
  value.span<float>()[0] = 7;
  session.store().set(id, value);
  const auto [generator, discriminator] = session.export_models(folder_.path("."));
  const graph::Graph graph = graph::OnnxModel::load(generator).build_graph(graph::standard_ops());
  const graph::Variable& bias = graph.variable(graph.find_variable("second.bias"));
  EXPECT_EQ(bias.initial.values<double>().front(), 7);
  EXPECT_TRUE(graph::OnnxModel::load(discriminator)
                  .build_graph(graph::standard_ops())
                  .find_variable("first.weight")
                  .valid());
}

TEST_F(Adversarial, RecipeReadsBackWithBothOptimizers) {
  const Recipe recipe = this->recipe(
      "run", {"optimizer.generator.betas=[0.5, 0.9]", "adversarial.loss=\"wasserstein_gp\"",
              "clip.norm=1", "clip.generator.value=0.5", "schedule.generator.name=\"cosine\"",
              "schedule.generator.warmup=\"5%\""});
  const std::string file = folder_.write("again.toml", to_toml(recipe));
  RecipeSources sources;
  sources.file = file;
  const Recipe again = read_recipe(sources);
  EXPECT_EQ(again.adversarial.generator.optimizer.parameters.get_doubles("betas"),
            (std::vector<double>{0.5, 0.9}));
  EXPECT_EQ(again.adversarial.loss.parameters.get_double("gradient_penalty", 0), 10);
  EXPECT_EQ(to_toml(again), to_toml(recipe));
}

TEST_F(Adversarial, RefusesWhatOnlyARunOfOneModelHas) {
  expect_error([&] { AdversarialSession session(recipe("run", {"data.val_split=0.2"})); },
               ErrorCode::kInvalidArgument, "data.val_split");
  expect_error([&] { AdversarialSession session(recipe("run", {"augment.mixup=0.1"})); },
               ErrorCode::kInvalidArgument, "augment.mixup");
  expect_error([&] { AdversarialSession session(recipe("run", {"optimizer.lr=0.2"})); },
               ErrorCode::kInvalidArgument, "optimizer.lr", "[optimizer.NAME]");
  expect_error([&] { AdversarialSession session(recipe("run", {"train.spike=\"skip\""})); },
               ErrorCode::kInvalidArgument, "train.spike");
  expect_error([&] { AdversarialSession session(recipe("run", {"average.kind=\"swa\""})); },
               ErrorCode::kInvalidArgument, "average.kind");
  expect_error([&] { recipe("run", {"adversarial.loss=\"hinges\""}); }, ErrorCode::kInvalidArgument,
               "hinge");
  expect_error([&] { AdversarialSession session(recipe("run", {"adversarial.latent=\"noise\""})); },
               ErrorCode::kInvalidArgument, "noise", "inputs are z");
}

TEST_F(Adversarial, StopsWhereTooManyStepsAreNotFinite) {
  write_tiny_data(folder_.path("train.npz"), 38, 5, {1, 9, 17, 25, 33});
  expect_error([&] { run_tiny_gan(recipe("run", {"train.on_nonfinite=\"stop\""}), false); },
               ErrorCode::kDiverged, "discriminator", "optimizer.discriminator.lr");
}

}  // namespace
}  // namespace temper::training
