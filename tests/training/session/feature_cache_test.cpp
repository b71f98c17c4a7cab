// train.cache_features: the frozen part runs once, and the run is the one that runs it in every
// step.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <algorithm>

#include "tests/training/support/tiny_runs.h"
#include "training/run/trainer.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;

void expect_same_runs(const RunRecord& plain, const RunRecord& cached) {
  ASSERT_EQ(plain.losses.size(), cached.losses.size());
  for (std::size_t i = 0; i < plain.losses.size(); ++i) {
    EXPECT_NEAR(plain.losses[i], cached.losses[i], 1e-5) << "step " << i + 1;
  }
  EXPECT_NEAR(plain.result.final_evaluation.loss, cached.result.final_evaluation.loss, 1e-5);
}

bool says(const Recipe& recipe, const std::string& text) {
  const Session session(recipe);
  return std::any_of(session.notes().begin(), session.notes().end(),
                     [&](const std::string& note) { return note.find(text) != std::string::npos; });
}

class FeatureCache : public TinyRuns {
 protected:
  static Lines with(Lines lines, const Lines& more) {
    lines.insert(lines.end(), more.begin(), more.end());
    return lines;
  }
  std::string error_of(const Lines& lines) {
    try {
      Session session(recipe("refused", with(lines, {"train.cache_features=true"})));
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  const Lines frozen_ = {"model.freeze=[\"w1\", \"b1\", \"bn.*\"]", "model.batchnorm=frozen",
                         "train.epochs=3", "data.batch_size=8"};
};

TEST_F(FeatureCache, GivesTheRunThatComputesThemInEveryStep) {
  const RunRecord plain = run_tiny(recipe("plain", frozen_), false);
  const RunRecord cached =
      run_tiny(recipe("cached", with(frozen_, {"train.cache_features=true"})), false);
  expect_same_runs(plain, cached);
  EXPECT_TRUE(says(recipe("other", with(frozen_, {"train.cache_features=true"})),
                   "ran once for each of 48 samples and gave 'a' [8]"));
}

TEST_F(FeatureCache, ResumesWithTheSameBits) {
  const Lines lines = with(frozen_, {"train.cache_features=true", "checkpoint.every=2"});
  const RunRecord whole = run_tiny(recipe("whole", lines), false);
  run_tiny(recipe("cut", lines), false,
           [](const StepView& view) { return view.progress.step == 7; });
  const RunRecord resumed = run_tiny(recipe("cut", lines), true);
  EXPECT_EQ(whole.variables, resumed.variables);
}

TEST_F(FeatureCache, RefusesWhatIsNotTheSameInEveryEpoch) {
  EXPECT_NE(error_of({"model.freeze=[\"w1\", \"b1\", \"bn.*\"]"}).find("model.batchnorm"),
            std::string::npos);
  EXPECT_NE(error_of({}).find("nothing that the model computes"), std::string::npos);
  EXPECT_NE(error_of(with(frozen_, {"augment.mixup=0.2"})).find("[augment]"), std::string::npos);
}

class FeatureCacheDropout : public FeatureCache {
 protected:
  FeatureCacheDropout() { write_tiny_model(folder_.path("tiny.onnx"), {true, 0.3}); }
};

// Behind the cut dropout goes on as before: it is drawn for the samples' places in the run.
TEST_F(FeatureCacheDropout, NamesTheNodesThatChange) {
  EXPECT_NE(error_of(frozen_).find("Dropout"), std::string::npos) << error_of(frozen_);
}

// The digits sample's convolutions frozen: a Reshape by the batch's size lies behind them.
TEST(FeatureCacheSample, TrainsTheHeadOfTheDigitsModel) {
  const TempFolder folder;
  const auto recipe = [&](const std::string& out, bool caches) {
    RecipeSources sources;
    sources.file = TEMPER_SOURCE_DIR "/models/digits/digits.toml";
    sources.overrides = {"train.out=\"" + folder.path(out) + "\"",
                         "log.tensorboard=false",
                         "log.charts=false",
                         "train.epochs=2",
                         "train.threads=2",
                         "model.freeze=[\"0.*\", \"3.*\"]"};
    sources.overrides.push_back(concat("train.cache_features=", caches ? "true" : "false"));
    return read_recipe(sources);
  };
  expect_same_runs(run_tiny(recipe("plain", false), false),
                   run_tiny(recipe("cached", true), false));
  EXPECT_TRUE(says(recipe("other", true), "[512]"));
}

}  // namespace
}  // namespace temper::training
