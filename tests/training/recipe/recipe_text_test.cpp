// Recipes as text: what is written reads back to the same settings whatever the texts hold, and
// what is typed where a text is wanted is that text.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <random>

#include "runtime/base/error.h"
#include "tests/training/test_files.h"
#include "training/recipe/recipe.h"
#include "training/recipe/recipe_keys.h"

namespace temper::training {
namespace {

Recipe typed(std::vector<std::string> overrides,
             std::map<std::string, std::string> environment = {}) {
  RecipeSources sources;
  sources.overrides = std::move(overrides);
  sources.environment = std::move(environment);
  return read_recipe(sources);
}

Recipe read_back(const Recipe& recipe) {
  const TempFolder folder;
  std::ofstream(folder.path("recipe.toml"), std::ios::binary) << to_toml(recipe);
  RecipeSources sources;
  sources.file = folder.path("recipe.toml");
  return read_recipe(sources);
}

std::string message_of(const std::vector<std::string>& overrides) {
  try {
    typed(overrides);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.message();
  }
  return "accepted";
}

// Any characters: controls, quotes, what TOML gives a meaning, and all planes of Unicode.
std::string random_text(std::mt19937_64& random) {
  const auto below = [&](std::uint64_t n) { return random() % n; };
  std::string text;
  for (std::uint64_t length = below(12); length > 0; --length) {
    switch (below(4)) {
      case 0:
        text += static_cast<char>(below(0x20));
        break;
      case 1:
        text += "\"'\\#=[],\x7f"[below(9)];
        break;
      case 2:
        text += static_cast<char>(0x20 + below(0x5f));
        break;
      default: {
        const std::uint64_t code = below(2) == 0 ? 0x80 + below(0x780) : 0x10000 + below(0x100000);
        if (code < 0x800) {
          text += static_cast<char>(0xc0 | code >> 6);
        } else {
          text += static_cast<char>(0xf0 | code >> 18);
          text += static_cast<char>(0x80 | (code >> 12 & 0x3f));
          text += static_cast<char>(0x80 | (code >> 6 & 0x3f));
        }
        text += static_cast<char>(0x80 | (code & 0x3f));
      }
    }
  }
  return text;
}

TEST(RecipeText, AnyTextReadsBackAsItWas) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 300; ++round) {
    Recipe recipe = typed({"loss.name=mse"});
    recipe.data.delimiter = random_text(random);
    recipe.loss.target = random_text(random);
    recipe.checkpoint.monitor = random_text(random);
    for (std::uint64_t count = random() % 5; count > 0; --count) {
      recipe.data.class_names.push_back(random_text(random));
      recipe.model.freeze.push_back(random_text(random));
    }
    recipe.compare = {{random_text(random) + "x", {random_text(random)}}};
    const Recipe back = read_back(recipe);
    EXPECT_EQ(back.data.delimiter, recipe.data.delimiter);
    EXPECT_EQ(back.loss.target, recipe.loss.target);
    EXPECT_EQ(back.data.class_names, recipe.data.class_names);
    EXPECT_EQ(back.model.freeze, recipe.model.freeze);
    EXPECT_EQ(back.compare.at(0).name, recipe.compare.at(0).name);
    EXPECT_EQ(back.compare.at(0).set, recipe.compare.at(0).set);
    EXPECT_EQ(to_toml(back), to_toml(recipe));
  }
}

TEST(RecipeText, AnyNumberReadsBackAsItWas) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 300; ++round) {
    double number = 0;
    do {
      const std::uint64_t bits = random();
      std::memcpy(&number, &bits, sizeof number);
    } while (!std::isfinite(number));
    Recipe recipe = typed({"loss.name=mse"});
    recipe.data.mean = {number, -number, 0.1, 3};
    recipe.loss_terms.clear();
    recipe.penalty.l1 = std::abs(number);
    recipe.data.seed = static_cast<std::int64_t>(random() >> 1);
    const Recipe back = read_back(recipe);
    EXPECT_EQ(back.data.mean, recipe.data.mean);
    EXPECT_EQ(back.penalty.l1, recipe.penalty.l1);
    EXPECT_EQ(back.data.seed, recipe.data.seed);
  }
}

TEST(RecipeText, ControlCharactersAreEscaped) {
  EXPECT_EQ(to_toml_value(std::string("\x01\n\t\"\\\x7f")),
            "\"\\u0001\\u000a\\u0009\\\"\\\\\\u007f\"");
}

// A line of a recipe may have 65,535 bytes.
TEST(RecipeText, ALongListIsWrittenInLinesThatCanBeRead) {
  Recipe recipe = typed({});
  for (int i = 0; i < 20000; ++i) {
    recipe.data.class_names.push_back(concat("class = ", i));
  }
  EXPECT_EQ(read_back(recipe).data.class_names, recipe.data.class_names);
}

TEST(RecipeText, WhereATextIsWantedWhatIsTypedIsIt) {
  const Recipe recipe =
      typed({"train.out=7", "data.train=2024", "data.val=1.50", "loss.target=true",
             "data.delimiter=1e-3", "checkpoint.monitor=2024-01-31", "model.path=0x10"});
  EXPECT_EQ(recipe.train.out, "7");
  EXPECT_EQ(recipe.data.train, "2024");
  EXPECT_EQ(recipe.data.val, "1.50") << "as typed, not as 1.5";
  EXPECT_EQ(recipe.loss.target, "true");
  EXPECT_EQ(recipe.data.delimiter, "1e-3");
  EXPECT_EQ(recipe.checkpoint.monitor, "2024-01-31");
  EXPECT_EQ(recipe.model.path, "0x10");
  EXPECT_EQ(typed({}, {{"TEMPER_TRAIN_OUT", "7"}}).train.out, "7");
  EXPECT_EQ(typed({"train.out=[a, b]"}).train.out, "[a, b]") << "no list where one text is wanted";
  EXPECT_EQ(typed({"train.out=\"7\""}).train.out, "7") << "quotes are TOML's";
}

TEST(RecipeText, ListsOfTextsTakeBareWordsAndNumbers) {
  using Texts = std::vector<std::string>;
  const auto dropped = [](const std::string& value) {
    return typed({"data.drop=" + value}).data.drop;
  };
  EXPECT_EQ(dropped("7"), Texts{"7"});
  EXPECT_EQ(dropped("true"), Texts{"true"});
  EXPECT_EQ(dropped("[1, 2.50]"), (Texts{"1", "2.50"}));
  EXPECT_EQ(dropped("[1, \"a, b\", false, 2024-01-31]"),
            (Texts{"1", "a, b", "false", "2024-01-31"}));
  EXPECT_EQ(dropped("[\"\xc3\xa9\xc3\xa9\", 12]"), (Texts{"\xc3\xa9\xc3\xa9", "12"}));
  EXPECT_EQ(dropped("[cat, dog]"), (Texts{"cat", "dog"}));
  EXPECT_EQ(dropped("[]"), Texts{});
  EXPECT_EQ(dropped("id"), Texts{"id"});
  EXPECT_EQ(dropped("a,b"), Texts{"a,b"}) << "a list is in brackets";
}

TEST(RecipeText, InAFileATextHasQuotes) {
  const TempFolder folder;
  std::ofstream(folder.path("recipe.toml")) << "[train]\nout = 7\n";
  RecipeSources sources;
  sources.file = folder.path("recipe.toml");
  try {
    read_recipe(sources);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("recipe.toml:2: train.out must be a string, but is 7 (in quotes "
                                   "it is one: \"7\")"),
              std::string::npos)
        << error.message();
  }
}

TEST(RecipeText, WhatIsNoUtf8IsRefusedWhenTyped) {
  EXPECT_NE(message_of({"train.out=\xff"}).find("is not UTF-8"), std::string::npos);
}

TEST(RecipeHints, AWordWithoutATableNamesTheKeysItMayStandFor) {
  EXPECT_NE(message_of({"epochs=3"}).find("did you mean train.epochs?"), std::string::npos);
  EXPECT_NE(message_of({"lr=3"}).find("did you mean optimizer.lr?"), std::string::npos);
  EXPECT_NE(message_of({"momentum=0.9", "optimizer.name=sgd"}).find("mean optimizer.momentum?"),
            std::string::npos)
      << "of the optimizer that is named later";
  EXPECT_NE(message_of({"epcohs=3"}).find("did you mean train.epochs?"), std::string::npos);
  EXPECT_NE(message_of({"seed=3"}).find("did you mean data.seed or train.seed?"),
            std::string::npos);
  EXPECT_NE(message_of({"qqqqqqqq=3"}).find("temper help keys"), std::string::npos);
}

TEST(RecipeHints, AKeyOfAnotherTableIsFound) {
  EXPECT_NE(message_of({"train.batch_size=3"}).find("mean data.batch_size?"), std::string::npos);
  EXPECT_NE(message_of({"train.lr=3"}).find("did you mean optimizer.lr?"), std::string::npos);
}

TEST(RecipeHints, AMisspeltTableIsNamed) {
  EXPECT_NE(message_of({"optimiser.lr=3"}).find("did you mean optimizer.lr?"), std::string::npos);
  EXPECT_NE(message_of({"tarin.epochs=3"}).find("did you mean train.epochs?"), std::string::npos);
  EXPECT_NE(message_of({"tarin.rate=3"}).find("there is no table [tarin]; did you mean [train]?"),
            std::string::npos);
  const auto of_file = [](const std::string& text) {
    const TempFolder folder;
    std::ofstream(folder.path("recipe.toml")) << text;
    RecipeSources sources;
    sources.file = folder.path("recipe.toml");
    try {
      read_recipe(sources);
    } catch (const Error& error) {
      return error.message();
    }
    return std::string("accepted");
  };
  EXPECT_NE(of_file("[optimiser]\nlr = 1\n")
                .find("recipe.toml:1: there is no table [optimiser]; did you mean [optimizer]?"),
            std::string::npos);
  EXPECT_NE(of_file("[optimiser]\n").find("did you mean [optimizer]?"), std::string::npos)
      << "an empty one too";
  EXPECT_NE(of_file("[[optimiser.group]]\nmatch = \"a\"\n").find("did you mean [optimizer]?"),
            std::string::npos);
  EXPECT_NE(of_file("[[optimizer.gruop]]\nmatch = \"a\"\n").find("mean [[optimizer.group]]?"),
            std::string::npos);
  EXPECT_NE(of_file("[loss.techer]\nmodel = \"a\"\n").find("did you mean [loss.teacher]?"),
            std::string::npos);
}

// A line of help for each, so that `temper train --help` and `temper help keys` leave none out.
TEST(RecipeTables, AllKeysStandInOne) {
  const std::vector<std::string> names = recipe_table_names();
  const auto known = [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const RecipeKey& key : recipe_key_table()) {
    EXPECT_TRUE(known(key.name.substr(0, key.name.rfind('.')))) << key.name;
  }
  for (const ComponentTable& table : component_tables()) {
    EXPECT_TRUE(known(table.name)) << table.name;
  }
}

}  // namespace
}  // namespace temper::training
