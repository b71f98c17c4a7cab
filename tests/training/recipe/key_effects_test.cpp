// No setting is accepted and ignored: every key of the table, in runs in which it has an effect and
// in runs in which it has none.
#include "training/recipe/key_effects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/training/recipe/key_values.h"
#include "tests/training/test_files.h"

namespace temper::training {
namespace {

using testing::HasSubstr;

Recipe typed(std::vector<std::string> overrides) {
  RecipeSources sources;
  sources.overrides = std::move(overrides);
  return read_recipe(sources);
}

// What a run is told of a recipe: an error, or the notes.
struct Told {
  bool refused = false;
  std::string text;
};

Told told(const Recipe& recipe, const std::string& data_format = {}) {
  try {
    return {false, join(check_effects(recipe, {data_format}), "\n")};
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return {true, error.message()};
  }
}

const std::vector<std::string> kOne = {"model.path=m.onnx", "data.train=d"};
const std::vector<std::string> kTwo = {"models.generator.path=g.onnx",
                                       "models.discriminator.path=d.onnx", "data.train=d"};

// Runs in which much is switched on; each key has an effect in one of them at least.
std::vector<Recipe> runs_with_much() {
  const auto with = [](std::vector<std::string> base, const std::vector<std::string>& more) {
    base.insert(base.end(), more.begin(), more.end());
    return typed(base);
  };
  const std::vector<std::string> much = {"data.val_split=0.2",
                                         "average.kind=ema",
                                         "train.precision=fp16",
                                         "train.spike=rollback",
                                         "train.accumulate=2",
                                         "clip.norm=1",
                                         "clip.agc=0.01",
                                         "schedule.name=cosine",
                                         "schedule.warmup=5%",
                                         "augment.crop_padding=2",
                                         "augment.rotation=5",
                                         "augment.erasing=0.1",
                                         "augment.resized_crop=true",
                                         "loss.l1=0.1",
                                         "loss.teacher.model=t.onnx"};
  return {with(kOne, much),
          with(kOne, {"data.val_split=0.2", "data.split=time", "data.window=4"}),
          with(kOne, {"data.sampling=weighted", "average.kind=swa"}),
          with(kOne, {"quantize.bits=8", "quantize.calibration=percentile"}),
          with(kOne, {"quantize.bits=8", "quantize.observers=learned"}),
          with(kTwo, {"schedule.generator.name=cosine", "schedule.generator.warmup=5%",
                      "schedule.discriminator.name=cosine", "schedule.discriminator.warmup=5%",
                      "clip.norm=1", "clip.agc=0.01"})};
}

const std::vector<std::string> kFormats = {"csv", "jsonl", "tokens", "images", "npy", "cifar100"};

// The recipe with that key written somewhere.
Recipe with_key(Recipe recipe, const RecipeKey& key) {
  key.set(recipe, other_value(key));
  recipe.origins[key.name] = "a.toml:7";
  return recipe;
}

bool names(const Told& answer, const std::string& key) {
  return answer.text.find(key + " has no effect") != std::string::npos ||
         (answer.refused && answer.text.find(key) != std::string::npos);
}

TEST(KeyEffects, EveryKeyHasAnEffectInSomeRun) {
  for (const RecipeKey& key : recipe_key_table()) {
    bool obeyed = false;
    for (const Recipe& run : runs_with_much()) {
      for (const std::string& format : kFormats) {
        const Told answer = told(with_key(run, key), format);
        obeyed = obeyed || (!answer.refused && !names(answer, key.name));
      }
    }
    EXPECT_TRUE(obeyed) << key.name;
  }
}

// Those that every run obeys (average.kind = "swa" aside). A new key is in this list or says when
// it has an effect.
const std::set<std::string> kAlways = {"model.batchnorm",
                                       "model.external_data_root",
                                       "model.allow_negative_ids",
                                       "data.train",
                                       "data.batch_size",
                                       "data.drop_last",
                                       "data.format",
                                       "data.mean",
                                       "data.std",
                                       "augment.horizontal_flip",
                                       "augment.vertical_flip",
                                       "augment.crop_padding",
                                       "augment.rotation",
                                       "augment.brightness",
                                       "augment.contrast",
                                       "augment.saturation",
                                       "augment.hue",
                                       "augment.erasing",
                                       "augment.noise",
                                       "train.steps",
                                       "train.device",
                                       "train.tf32",
                                       "train.threads",
                                       "train.seed",
                                       "train.out",
                                       "train.on_nonfinite",
                                       "checkpoint.every",
                                       "checkpoint.keep",
                                       "log.every",
                                       "models.generator.path",
                                       "models.discriminator.path",
                                       "average.kind",
                                       "train.plan_cache",
                                       "train.memory_limit",
                                       "compile.unroll",
                                       "compile.max_trip_count",
                                       "data.sampling",
                                       "data.workers",
                                       "train.max_time",
                                       "train.limit_batches",
                                       "train.overfit_batches",
                                       "checkpoint.minutes",
                                       "log.tensorboard",
                                       "log.charts"};

TEST(KeyEffects, EveryOtherKeyIsToldOfWhereItHasNone) {
  const auto without_it = [](const RecipeKey& key) {
    std::vector<Recipe> runs = {typed(kOne), typed(kTwo)};
    std::vector<std::string> set = kOne;
    set.insert(set.end(), {"data.val=v", "data.shuffle=false", "data.sampling=balanced",
                           "train.steps=5", "train.on_nonfinite=ignore", "log.tensorboard=false"});
    if (key.name == "data.shuffle" || key.name == "data.seed") {
      set.erase(set.end() - (key.name == "data.seed" ? 4 : 5));
    }
    runs.push_back(typed(set));
    std::vector<std::string> both = kTwo;
    both.insert(both.end(), {"schedule.generator.name=cosine", "schedule.discriminator.name=step",
                             "schedule.discriminator.step_size=3"});
    for (const RecipeKey& side : recipe_key_table()) {
      if (side.name.starts_with("clip.generator.") ||
          side.name.starts_with("clip.discriminator.")) {
        both.push_back(concat(side.name, "=", to_toml_value(other_value(side))));
      }
    }
    runs.push_back(typed(both));
    return runs;
  };
  for (const RecipeKey& key : recipe_key_table()) {
    std::string message;
    for (const Recipe& run : without_it(key)) {
      Recipe changed = with_key(run, key);
      if (key.name.starts_with("clip.") && !key.name.ends_with("r") &&
          std::holds_alternative<double>(key.get(changed))) {
        key.set(changed, 0.125);  // another value than the sides have
      }
      for (const char* format : {"npz", "csv"}) {
        const Told answer = told(changed, format);
        message = message.empty() && names(answer, key.name) ? answer.text : message;
      }
    }
    EXPECT_EQ(message.empty(), kAlways.contains(key.name)) << key.name << ": " << message;
  }
}

TEST(KeyEffects, RunsOfTwoModelsRefuseOrTakeEachKey) {
  for (const RecipeKey& key : recipe_key_table()) {
    const Told answer = told(with_key(typed(kTwo), key));
    if (key.runs == Runs::kOneModel) {
      EXPECT_TRUE(answer.refused) << key.name;
      EXPECT_THAT(answer.text, HasSubstr(key.name));
      EXPECT_THAT(answer.text, HasSubstr("a.toml:7: a run of two models takes no"));
    } else {
      EXPECT_THAT(answer.text, testing::Not(HasSubstr("takes no"))) << key.name;
    }
  }
}

TEST(KeyEffects, ARunOfOneModelRefusesKeysOfTwo) {
  for (const RecipeKey& key : recipe_key_table()) {
    if (key.runs == Runs::kTwoModels && !key.name.starts_with("models.")) {
      Recipe recipe = with_key(typed(kOne), key);
      EXPECT_THAT(told(recipe).text, HasSubstr("two models")) << key.name;
      expect_error([&] { check_single_model(recipe); }, ErrorCode::kInvalidArgument, key.name,
                   "models.generator.path");
    }
  }
  expect_error([] { typed({"model.path=m.onnx", "adversarial.ratio=2"}); },
               ErrorCode::kInvalidArgument, "adversarial.ratio", "two models");
}

// A recipe that was written out says every key.
TEST(KeyEffects, DefaultsAreNobodysWish) {
  for (const std::vector<std::string>& run : {kOne, kTwo}) {
    Recipe recipe = typed(run);
    for (const RecipeKey& key : recipe_key_table()) {
      recipe.origins.try_emplace(key.name, "run/recipe.toml:1");
    }
    const Told answer = told(recipe, "npz");
    EXPECT_FALSE(answer.refused) << answer.text;
    EXPECT_EQ(answer.text, "");
  }
}

TEST(KeyEffects, WithoutAWordOnTheSwitchItIsAnError) {
  const Told answer = told(typed({"model.path=m", "data.train=d", "average.decay=0.9"}));
  EXPECT_TRUE(answer.refused);
  EXPECT_THAT(answer.text,
              HasSubstr("command line: average.decay has no effect: it needs average.kind = "
                        "\"ema\", but average.kind is \"off\"; write that, or leave it out"));
}

TEST(KeyEffects, WhereTheSwitchIsWrittenItIsANote) {
  const Told answer =
      told(typed({"model.path=m", "data.train=d", "average.decay=0.9", "average.kind=swa"}));
  EXPECT_FALSE(answer.refused);
  EXPECT_THAT(answer.text, HasSubstr("average.decay has no effect"));
}

TEST(KeyEffects, OfOtherDataIsAnErrorThatNamesTheKind) {
  const Told answer = told(typed({"model.path=m", "data.train=d.npz", "data.delimiter=;"}), "npz");
  EXPECT_TRUE(answer.refused);
  EXPECT_THAT(answer.text, HasSubstr("data.delimiter has no effect: it is for data of the kind "
                                     "csv, but data.train (d.npz) is npz"));
}

TEST(KeyEffects, TwoModelsHaveNoStochasticAverage) {
  std::vector<std::string> swa = kTwo;
  swa.push_back("average.kind=swa");
  const Told answer = told(typed(swa));
  EXPECT_TRUE(answer.refused);
  EXPECT_THAT(answer.text, HasSubstr("average.kind has no effect: \"swa\" is for runs of one"));
}

TEST(KeyEffects, EntriesOfTablesAndParametersBelongToRunsToo) {
  Recipe stages = typed(kTwo);
  stages.stages = {{3, {}, 1}};
  EXPECT_THAT(told(stages).text, HasSubstr("takes no train.stage"));
  std::vector<std::string> parameter = kTwo;
  parameter.push_back("optimizer.lr=0.2");
  EXPECT_THAT(told(typed(parameter)).text, HasSubstr("takes no optimizer.lr"));
}

}  // namespace
}  // namespace temper::training
