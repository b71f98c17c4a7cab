// JSON records as data: fields, classes, lists of unequal lengths, and what is wrong with them.
#include "training/data/records/json_dataset.h"

#include <gtest/gtest.h>

#include "tests/training/support/batch_of.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/analysis/prediction.h"
#include "training/session/evaluation.h"
#include "training/session/run_metrics.h"

namespace temper::training {
namespace {

using Rows = std::vector<double>;

Rows all_of(const Dataset& data, std::size_t field) {
  std::vector<std::int64_t> rows;
  for (std::int64_t row = 0; row < data.count(); ++row) {
    rows.push_back(row);
  }
  return batch_of(data, rows).at(field).values<double>();
}

DataOptions options_for(std::vector<WantedField> inputs) {
  DataOptions options;
  options.inputs = std::move(inputs);
  return options;
}

const WantedField kTwo = {"x", DType::kFloat32, Shape{2}, ""};
const WantedField kIds = {"ids", DType::kInt64, Shape{4}, ""};

class JsonData : public testing::Test {
 protected:
  std::unique_ptr<Dataset> open(const std::string& text, const DataOptions& options) {
    return open_dataset(folder_.write("a.jsonl", text), options);
  }
  template <class... Parts>
  void refuses(const std::string& text, const DataOptions& options, const Parts&... parts) {
    expect_error([&] { open(text, options); }, ErrorCode::kInvalidData, parts...);
  }

  TempFolder folder_;
};

TEST_F(JsonData, ReadsNumbersListsAndClasses) {
  const auto data = open(
      "\xef\xbb\xbf{\"x\": [1, 2.5], \"label\": \"dog\", \"id\": {\"any\": null}}\r\n"
      "\n"
      "  {\"label\": \"cat\", \"x\": [3, -4e1]}\n"
      "{\"x\": [true, false], \"label\": \"dog\"}",
      options_for({kTwo}));
  ASSERT_EQ(data->count(), 3);
  EXPECT_EQ(all_of(*data, 0), (Rows{1, 2.5, 3, -40, 1, 0}));
  EXPECT_EQ(data->labels(1), (std::vector<std::int64_t>{1, 0, 1})) << "sorted: cat, dog";
  EXPECT_EQ(data->class_names(), (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(data->fields()[1].dtype, DType::kInt64);
  EXPECT_EQ(data->where(0, 1), folder_.path("a.jsonl") + ":3: field 'x'");
}

TEST_F(JsonData, ReadsOneArrayOfObjects) {
  const auto data = open_dataset(
      folder_.write("a.json", " [{\"x\": [[1, 2]], \"y\": 0.5},\n {\"x\": [[3, 4]], \"y\": 1}]"),
      options_for({{"x", DType::kFloat32, Shape{1, 2}, ""}}));
  EXPECT_EQ(all_of(*data, 0), (Rows{1, 2, 3, 4}));
  EXPECT_EQ(data->fields()[1].dtype, DType::kFloat32) << "not all are whole";
  EXPECT_EQ(data->where(1, 1), folder_.path("a.json") + ", entry 2: field 'y'");
  EXPECT_TRUE(data->preprocessing().is_null());
  expect_error([&] { open_dataset(folder_.write("b.json", "[{\"x\": 1, \"y\": 0}, 2]"), {}); },
               ErrorCode::kInvalidData, "b.json, entry 2", "no object");
}

TEST_F(JsonData, NamesFieldsAsTheRecipeSays) {
  const std::string text = "{\"text\": [1, 2, 3, 4], \"good\": 1, \"label\": 7}\n";
  DataOptions options = options_for({{"text", DType::kInt64, Shape{4}, ""}});
  EXPECT_EQ(all_of(*open(text, options), 1), Rows{7});
  options.settings.target = {"good"};
  EXPECT_EQ(all_of(*open(text, options), 1), Rows{1});
  options.targets = {{"w", DType::kFloat32, std::nullopt, "label"}};
  EXPECT_EQ(all_of(*open(text, options), 1), Rows{7});
  // The only field besides the target serves the only input.
  EXPECT_EQ(all_of(*open("{\"anything\": [5, 6], \"y\": 0}", options_for({kTwo})), 0),
            (Rows{5, 6}));
  options = options_for({kTwo});
  options.require_targets = false;
  EXPECT_EQ(open("{\"z\": [5, 6], \"label\": \"?\"}", options)->fields().size(), 1u);
}

TEST_F(JsonData, FillsListsUpToTheModelsLength) {
  const std::string text =
      "{\"ids\": [5, 6, 7], \"target\": [6, 7, 8]}\n"
      "{\"ids\": [9], \"target\": [10]}\n"
      "{\"ids\": [], \"target\": []}\n"
      "{\"ids\": [1, 2, 3, 4], \"target\": [2, 3, 4, 5]}\n";
  WantedField mask = {"attention_mask", DType::kInt64, Shape{4}, "", {4}};
  mask.made = MadeField::kMask;
  DataOptions options = options_for({kIds, mask});
  options.settings.pad = 99;
  const auto data = open(text, options);
  EXPECT_EQ(all_of(*data, 0), (Rows{5, 6, 7, 99, 9, 99, 99, 99, 99, 99, 99, 99, 1, 2, 3, 4}));
  EXPECT_EQ(all_of(*data, 2), (Rows{1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1}));
  EXPECT_EQ(all_of(*data, 1),
            (Rows{6, 7, 8, -100, 10, -100, -100, -100, -100, -100, -100, -100, 2, 3, 4, 5}));
  check_labels(*data, 1, 11);
  expect_error([&] { check_labels(*data, 1, 10); }, ErrorCode::kInvalidData,
               "a.jsonl:2: field 'target', element [0]", "the label is 10");
  // A model of any length: as long as the longest, or as the recipe says.
  options.inputs[0].row_shape.reset();
  options.inputs.pop_back();
  const auto open_ended = open(text, options);
  EXPECT_EQ(open_ended->fields()[0].ragged_axis, 0);
  EXPECT_EQ(open_ended->fields()[1].row_shape, Shape{4});
  const std::span<const std::int64_t> sizes = open_ended->row_sizes(1);
  EXPECT_EQ(std::vector<std::int64_t>(sizes.begin(), sizes.end()),
            (std::vector<std::int64_t>{3, 1, 0, 4}));
  open_ended->deliver_size(0, 2, {});
  EXPECT_EQ(all_of(*open_ended, 0), (Rows{5, 6, 9, 99, 99, 99, 1, 2})) << "cut and filled up";
  options.settings.block = 5;
  EXPECT_EQ(open(text, options)->fields()[1].row_shape, Shape{5});
}

TEST_F(JsonData, CutsListsOnlyWhenAsked) {
  const std::string text = "{\"ids\": [1], \"y\": 0}\n{\"ids\": [1, 2, 3, 4, 5], \"y\": 1}\n";
  DataOptions options = options_for({kIds});
  refuses(text, options, "a.jsonl:2: field 'ids'", "5 numbers, the model takes 4",
          "data.truncate = true");
  options.settings.truncate = true;
  EXPECT_EQ(all_of(*open(text, options), 0), (Rows{1, 0, 0, 0, 1, 2, 3, 4}));
  // Features of a model that takes floats are never filled up.
  refuses("{\"x\": [1, 2], \"y\": 0}\n{\"x\": [1], \"y\": 1}\n", options_for({kTwo}),
          "a.jsonl:2: field 'x'", "has 1 numbers, the first record 2");
  refuses("{\"x\": [1], \"y\": 0}\n", options_for({kTwo}), "a.jsonl", "[1]", "the model takes [2]");
}

TEST_F(JsonData, KeepsTheClassesOfTheTrainingSet) {
  const auto train =
      open("{\"x\": [1, 2], \"y\": \"b\"}\n{\"x\": [1, 2], \"y\": \"c\"}\n", options_for({kTwo}));
  DataOptions options = options_for({kTwo});
  options.preprocessing = train->preprocessing();
  const auto val = open("{\"x\": [1, 2], \"y\": \"c\"}", options);
  EXPECT_EQ(val->labels(1), std::vector<std::int64_t>{1});
  EXPECT_EQ(val->preprocessing().text(), train->preprocessing().text());
  refuses("{\"x\": [1, 2], \"y\": \"c\"}\n{\"x\": [1, 2], \"y\": \"a\"}\n", options,
          "a.jsonl:2: field 'y'",
          "'a' is a class that the training data did not have; it had b, c");
  options = options_for({kTwo});
  options.settings.class_names = {"z", "a"};
  EXPECT_EQ(open("{\"x\": [1, 2], \"y\": \"a\"}", options)->labels(1),
            std::vector<std::int64_t>{1});
  options.preprocessing = parse_json("{\"kind\": \"table\"}", "stored");
  refuses("{\"x\": [1, 2], \"y\": \"a\"}", options, "of kind 'table'", "a.jsonl holds records");
}

TEST_F(JsonData, NamesThePlaceOfWhatIsWrong) {
  const DataOptions options = options_for({kTwo});
  const std::string good = "{\"x\": [1, 2], \"y\": 0}\n";
  refuses("", options, "a.jsonl");
  refuses("\n \n", options, "a.jsonl has no records");
  refuses(good + "{\"x\": [1, 2], \"y\": }\n", options, "a.jsonl:2", "not valid JSON at byte");
  refuses(good + "\n[1, 2]\n", options, "a.jsonl:3", "no object");
  refuses(good + "{\"x\": [1, 2], \"z\": 0}\n", options, "a.jsonl:2 has no field 'y'",
          "it has x, z");
  refuses("{\"a\": [1, 2], \"b\": 2, \"y\": 0}\n", options, "a.jsonl:1 has no field 'x'",
          "it has a, b, y");
  refuses("{\"x\": [1, 2], \"z\": 0}\n", options, "a.jsonl:1", "'target' or 'label' or 'y'",
          "data.target");
  refuses(good + "{\"x\": [1, null], \"y\": 0}\n", options, "a.jsonl:2: field 'x'", "a null");
  refuses(good + "{\"x\": [1, \"2\"], \"y\": 0}\n", options, "field 'x'", "a text in a list");
  refuses(good + "{\"x\": [1, 2], \"y\": {}}\n", options, "field 'y'", "an object");
  refuses(good + "{\"x\": \"1\", \"y\": 0}\n", options, "field 'x' is a text", "before numbers");
  refuses(good + "{\"x\": [[1, 2]], \"y\": 0}\n", options, "has the shape [1,2]", "before [2]");
  refuses("{\"x\": [[1, 2], [3]], \"y\": 0}\n", options, "unequal parts", "part 2 [1]");
  refuses("{\"x\": [1, 1e39], \"y\": 0}\n", options, "a.jsonl:1: field 'x'", "more than f32 holds");
  refuses("{\"x\": [1, 1e999], \"y\": 0}\n", options, "a.jsonl:1", "not valid JSON");
  refuses("{\"x\": [1, 9007199254740993], \"y\": 0}\n", options, "field 'x'", "up to 2^53");
  refuses("{\"x\": [1, 2], \"x\": [1, 2], \"y\": 0}\n", options, "'x' is there twice");
  refuses("{\"x\": " + std::string(100, '[') + std::string(100, ']') + ", \"y\": 0}\n", options,
          "a.jsonl:1", "nested deeper");
  refuses("{\"x\": " + std::string(12, '[') + "1" + std::string(12, ']') + ", \"y\": 0}\n", options,
          "field 'x' is nested");
  refuses("{\"x\": [1, 2], \"y\": \"\xff\"}\n", options, "a.jsonl:1", "not valid JSON");
}

TEST_F(JsonData, TrainsARunAndPreparesOtherRecordsLikewise) {
  const char* names[] = {"red", "green", "blue"};
  std::string text;
  const std::vector<float> noise = tiny_values(60 * kTinyInputs, 5);
  for (std::size_t row = 0; row < 60; ++row) {
    text += "{\"x\": [";
    for (std::size_t i = 0; i < kTinyInputs; ++i) {
      const float value = 0.3f * noise[row * kTinyInputs + i] + (i % 3 == row % 3 ? 1.0f : 0.0f);
      text += concat(i == 0 ? "" : ", ", value);
    }
    text += concat("], \"label\": \"", names[row % 3], "\"}\n");
  }
  const std::string path = folder_.write("a.jsonl", text);
  write_tiny_model(folder_.path("m.onnx"));
  const RunRecord run =
      run_tiny(tiny_recipe(folder_.path("m.onnx"), path, folder_.path("out"),
                           {"data.val_split=0.25", "data.batch_size=9", "data.sampling=balanced",
                            "train.epochs=15", "log.charts=false"}),
               false);
  EXPECT_GT(run.result.final_evaluation.metric("accuracy").value(), 0.9);
  RecipeSources sources;
  sources.overrides = {
      "model.path=\"" + run.result.best_model + "\"",
      "data.train=\"" + folder_.write("b.jsonl", text.substr(0, text.find('\n'))) + "\""};
  SessionNeeds needs;
  needs.stored_preprocessing = true;
  Session session(read_recipe(sources), {}, needs);
  EXPECT_EQ(session.train_data().labels(1), std::vector<std::int64_t>{2}) << "blue, green, red";
  EXPECT_EQ(class_names(session), (std::vector<std::string>{"blue", "green", "red"}));
  EXPECT_EQ(predict(read_recipe(sources)).outputs.front().second.shape(), (Shape{1, kTinyClasses}));
}

}  // namespace
}  // namespace temper::training
