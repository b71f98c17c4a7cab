// Every key of the table: read from each source, with where it came from, and written back.
#include "training/recipe/recipe_keys.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/base/text_bytes.h"
#include "tests/training/recipe/key_values.h"
#include "tests/training/test_files.h"
#include "training/recipe/resume_rules.h"

namespace temper::training {
namespace {

// What a recipe needs for the key to be readable at all.
std::string context_of(const RecipeKey& key) {
  std::string text = key.runs == Runs::kTwoModels ? "models.generator.path = \"/g.onnx\"\n"
                                                    "models.discriminator.path = \"/d.onnx\"\n"
                                                  : "";
  for (const char* side : {"generator", "discriminator"}) {
    if (key.name.starts_with(concat("schedule.", side, ".")) && !key.name.ends_with(".name")) {
      text += concat("schedule.", side, ".name = \"cosine\"\n");
    }
  }
  if (key.name.starts_with("loss.teacher.")) {
    text += "loss.teacher.model = \"/t.onnx\"\n";
  }
  if (key.name == "loss.penalize") {
    text += "loss.l1 = 0.5\n";
  }
  if (key.name == "loss.class_weight") {
    text += "loss.name = \"cross_entropy\"\n";
  }
  return text;
}

// Without a line that sets the key itself.
std::string context_without(const RecipeKey& key) {
  std::string text = context_of(key);
  const std::size_t at = text.find(key.name + " = ");
  return at == std::string::npos ? text : text.erase(at, text.find('\n', at) + 1 - at);
}

Recipe read_text(const TempFolder& folder, const std::string& text) {
  RecipeSources sources;
  sources.file = folder.write("recipe.toml", text);
  return read_recipe(sources);
}

TEST(RecipeKeys, EachIsReadFromAFileWithItsLine) {
  const TempFolder folder;
  for (const RecipeKey& key : recipe_key_table()) {
    const RecipeValue value = other_value(key);
    const std::string before = context_without(key);
    const Recipe recipe =
        read_text(folder, concat(before, key.name, " = ", to_toml_value(value), "\n"));
    EXPECT_EQ(key.get(recipe), value) << key.name;
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    EXPECT_EQ(recipe.origins.at(key.name), concat(folder.path("recipe.toml"), ":", line))
        << key.name;
  }
}

TEST(RecipeKeys, TheCommandLineCountsMoreThanTheEnvironmentAndThatMoreThanTheFile) {
  const TempFolder folder;
  for (const RecipeKey& key : recipe_key_table()) {
    const RecipeValue value = other_value(key);
    const Recipe defaults;
    RecipeSources sources;
    sources.file = folder.write("recipe.toml", context_without(key));
    std::string variable = "TEMPER_" + key.name;
    for (char& c : variable) {
      c = c == '.' ? '_' : ascii_upper(c);
    }
    sources.environment[variable] = to_toml_value(value);
    const Recipe by_environment = read_recipe(sources);
    EXPECT_EQ(key.get(by_environment), value) << variable;
    EXPECT_EQ(by_environment.origins.at(key.name), variable);
    sources.environment[variable] = to_toml_value(key.get(defaults));
    sources.overrides = {concat(key.name, "=", to_toml_value(value))};
    const Recipe by_command_line = read_recipe(sources);
    EXPECT_EQ(key.get(by_command_line), value) << key.name;
    EXPECT_EQ(by_command_line.origins.at(key.name), "command line");
  }
}

TEST(RecipeKeys, EachIsWrittenBackAsItWas) {
  const TempFolder folder;
  for (const RecipeKey& key : recipe_key_table()) {
    const RecipeValue value = other_value(key);
    const Recipe recipe = read_text(
        folder, concat(context_without(key), key.name, " = ", to_toml_value(value), "\n"));
    const Recipe back = read_text(folder, to_toml(recipe));
    EXPECT_EQ(key.get(back), value) << key.name;
    EXPECT_EQ(to_toml(back), to_toml(recipe)) << key.name;
  }
}

TEST(RecipeKeys, AMisspeltOneNamesTheNearest) {
  for (const RecipeKey& key : recipe_key_table()) {
    const bool beside_parameters =
        std::any_of(component_tables().begin(), component_tables().end(), [&](const auto& table) {
          return key.name.starts_with(table.name + ".");  // taken for one of the component's
        });
    if (key.runs == Runs::kTwoModels || beside_parameters) {
      continue;  // those of two models are not offered in a recipe of one
    }
    const std::size_t last = key.name.rfind('.') + 1;
    if (key.name.size() - last < 5) {
      continue;  // one wrong letter of a short word may be nearer to another
    }
    std::string wrong = key.name;
    std::swap(wrong[wrong.size() - 1], wrong[wrong.size() - 2]);
    if (wrong == key.name) {
      continue;
    }
    RecipeSources sources;
    sources.overrides = {wrong + "=1"};
    try {
      read_recipe(sources);
      ADD_FAILURE() << wrong << " was accepted";
    } catch (const Error& error) {
      EXPECT_NE(error.message().find(key.name.substr(last)), std::string::npos) << error.message();
    }
  }
}

TEST(RecipeKeys, WhatAResumedRunMayChangeStandsInTheirRows) {
  EXPECT_EQ(resume_rule("data.cache_mb"), ResumeRule::kFree);
  EXPECT_EQ(resume_rule("data.train"), ResumeRule::kContent);
  EXPECT_EQ(resume_rule("train.steps"), ResumeRule::kLength);
  EXPECT_EQ(resume_rule("train.threads"), ResumeRule::kThreads);
  EXPECT_EQ(resume_rule("checkpoint.monitor"), ResumeRule::kSame);
  EXPECT_EQ(resume_rule("optimizer.lr"), ResumeRule::kSame) << "a parameter";
  Recipe began;
  Recipe now;
  for (const RecipeKey& key : recipe_key_table()) {
    if (key.resume == ResumeRule::kFree || key.resume == ResumeRule::kLength) {
      key.set(now, other_value(key));
    }
  }
  EXPECT_EQ(deciding_settings(began), deciding_settings(now));
}

}  // namespace
}  // namespace temper::training
