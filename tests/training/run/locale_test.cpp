// The locale of an application that embeds the library changes nothing that is written or read. A
// locale of C++ with a comma needs no installation; one of C is tried where the system has it.
#include <gtest/gtest.h>

#include <clocale>
#include <cstdio>
#include <locale>

#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/formats/json.h"
#include "training/recipe/recipe.h"
#include "training/settings/duration.h"

namespace temper::training {
namespace {

class Comma : public std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

// Sets both for its life.
class GermanLocale {
 public:
  GermanLocale() : cpp_(std::locale::global(std::locale(std::locale::classic(), new Comma))) {
    c_ = std::setlocale(LC_ALL, nullptr);
    for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "tr_TR.UTF-8"}) {
      if (std::setlocale(LC_ALL, name) != nullptr) {
        break;
      }
    }
  }
  ~GermanLocale() {
    std::locale::global(cpp_);
    std::setlocale(LC_ALL, c_.c_str());
  }
  GermanLocale(const GermanLocale&) = delete;
  GermanLocale& operator=(const GermanLocale&) = delete;

 private:
  std::locale cpp_;
  std::string c_;
};

struct Written {
  std::string settings;
  std::string log;
  std::string variables;
  std::string recipe;
  std::string json;
  double duration = 0;
};

Written write_everything() {
  const TempFolder folder;
  write_tiny_model(folder.path("model.onnx"));
  write_tiny_data(folder.path("train.npz"), 36, 5);
  Recipe recipe =
      tiny_recipe(folder.path("model.onnx"), folder.path("train.npz"), folder.path("run"),
                  {"train.steps=12", "optimizer.lr=1.5e-2", "schedule.name=\"cosine\"",
                   "schedule.warmup=\"12.5%\"", "log.every=1", "data.val_split=0.25"});
  const RunRecord record = run_tiny(recipe, false);
  recipe.model.path = recipe.data.train = recipe.train.out = "";  // the folder's name is random
  recipe.origins.clear();
  const JsonValue parsed = parse_json("{\"x\": [1.5, 1234567.25, 1e-3]}", "text");
  return {describe_settings(recipe), record.log,    record.variables,
          to_toml(recipe),           parsed.text(), parse_duration("1.5 h").value_or(0)};
}

TEST(Locale, OfAnApplicationChangesNothing) {
  const Written plain = write_everything();
  EXPECT_NE(plain.settings.find("optimizer.lr = 0.015"), std::string::npos);
  EXPECT_EQ(plain.duration, 5400);
  const GermanLocale german;
  const Written other = write_everything();
  EXPECT_EQ(plain.settings, other.settings);
  EXPECT_EQ(plain.log, other.log);
  EXPECT_EQ(plain.variables, other.variables);
  EXPECT_EQ(plain.recipe, other.recipe);
  EXPECT_EQ(plain.json, other.json);
  EXPECT_EQ(plain.duration, other.duration);
}

}  // namespace
}  // namespace temper::training
