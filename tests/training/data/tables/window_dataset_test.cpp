// Windows over a table with a row per step, against NumPy's (tools/oracle/time_windows.py).
#include "training/data/tables/window_dataset.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tests/training/test_files.h"
#include "training/formats/npz.h"
#include "training/session/run_data.h"

namespace temper::training {
namespace {

std::string file(const std::string& name) { return fixture("windows/" + name); }

DataOptions stations() {
  DataOptions options;
  options.settings.sequence = "station";
  options.settings.drop = {"hour"};
  options.settings.target = {"heat", "rain"};
  options.settings.window = 4;
  options.settings.standardize = false;
  return options;
}

std::vector<std::int64_t> all_rows(const Dataset& data) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(data.count()));
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  return rows;
}

// Field `field` of these rows, against an array of the oracle.
void expect_rows(const Dataset& data, const std::vector<std::int64_t>& rows, std::size_t field,
                 const std::string& array) {
  std::vector<Tensor> out;
  for (const Field& each : data.fields()) {
    Shape shape{static_cast<std::int64_t>(rows.size())};
    for (const std::int64_t dim : each.row_shape) {
      shape.push_back(dim);
    }
    out.emplace_back(each.dtype, shape);
  }
  data.read(rows, out);
  const Tensor expected = NpzFile(file("expected.npz")).read(array);
  EXPECT_EQ(out[field].shape(), expected.shape()) << array;
  const std::vector<double> ours = out[field].values<double>();
  const std::vector<double> theirs = expected.values<double>();
  ASSERT_EQ(ours.size(), theirs.size()) << array;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    EXPECT_NEAR(ours[i], theirs[i], 1e-6) << array << " at " << i;
  }
}

TEST(WindowDataset, TheRowsBehindAWindowAreItsTarget) {
  DataOptions options = stations();
  options.settings.horizon = 2;
  const auto data = open_dataset(file("stations.csv"), options);
  expect_rows(*data, all_rows(*data), 0, "next_input");
  expect_rows(*data, all_rows(*data), 1, "next_target");
  const std::vector<double> expected =
      NpzFile(file("expected.npz")).read("next_sequence").values<double>();
  const std::vector<std::int64_t> ours = data->sequences();
  EXPECT_EQ(std::vector<double>(ours.begin(), ours.end()), expected);
  EXPECT_EQ(data->rows_apart(), 6);
  EXPECT_FALSE(data->rows_adjoin());
  EXPECT_EQ(data->remarks(),
            (std::vector<std::string>{"1 sequences have fewer than the 6 rows that "
                                      "a window takes, and are left out"}));
}

TEST(WindowDataset, ATargetForEachStep) {
  DataOptions options = stations();
  options.settings.window = options.settings.stride = 3;
  options.settings.per_step = true;
  options.settings.drop = {"hour", "heat", "rain"};
  options.settings.target = {"rain"};
  const auto data = open_dataset(file("stations.csv"), options);
  expect_rows(*data, all_rows(*data), 0, "steps_input");
  expect_rows(*data, all_rows(*data), 1, "steps_target");
  EXPECT_TRUE(data->rows_adjoin());
}

TEST(WindowDataset, WithoutAHorizonTheTargetIsTheLastRowsAndNoInput) {
  DataOptions options = stations();
  options.settings.horizon = 0;
  options.settings.stride = 2;
  options.settings.target = {"rain"};
  const auto data = open_dataset(file("stations.csv"), options);
  expect_rows(*data, all_rows(*data), 0, "last_input");
  expect_rows(*data, all_rows(*data), 1, "last_target");
}

TEST(WindowDataset, ASplitInTimeSharesNoRowAndLearnsFromTheTrainingWindows) {
  DataOptions options = stations();
  options.settings.window = 3;
  options.settings.standardize = true;
  options.settings.target = {"heat"};
  Recipe recipe;
  recipe.data = options.settings;
  recipe.data.train = file("stations.csv");
  recipe.data.val_split = 0.3;
  const RunData data(recipe, options, true);
  const std::vector<std::int64_t> val(data.val_rows().begin(), data.val_rows().end());
  expect_rows(data.train(), data.train_rows(), 0, "split_train_input");
  expect_rows(data.train(), data.train_rows(), 1, "split_train_target");
  expect_rows(data.val(), val, 0, "split_val_input");
  expect_rows(data.val(), val, 1, "split_val_target");
}

TEST(WindowDataset, ForecastsBeginAtTheEndAndAreMadeAsForTraining) {
  DataOptions options = stations();
  const auto trained = open_dataset(file("stations.csv"), options);
  DataOptions other;
  other.preprocessing = trained->preprocessing();
  other.require_targets = false;
  const auto data = open_dataset(file("stations.csv"), other);
  ASSERT_EQ(data->fields().size(), 1u);
  EXPECT_EQ(data->fields().front().row_shape, (Shape{4, 3}));
  // 9 and 12 rows, to the last one.
  EXPECT_EQ(data->count(), 6 + 9);
}

TEST(WindowDataset, WhatDoesNotFitIsToldOf) {
  const auto refused = [](const auto& change, const std::string& part) {
    DataOptions options = stations();
    change(options);
    expect_error([&] { open_dataset(file("stations.csv"), options); }, ErrorCode::kInvalidData,
                 part);
  };
  refused(
      [](DataOptions& o) { o.settings.window = 12; },
      "has 12 rows in its longest sequence, but data.window = 12 with data.horizon = 1 takes 13");
  refused([](DataOptions& o) { o.settings.sequence = "site"; }, "which data.sequence names");
  refused([](DataOptions& o) { o.inputs = {{"x", DType::kFloat32, Shape{4, 5}, {}}}; }, "[4,5]");
  refused([](DataOptions& o) { o.settings.window = 0; },
          "the rows of a sequence stand one after the other");
}

}  // namespace
}  // namespace temper::training
