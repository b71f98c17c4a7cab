// CSV tables as data sets: columns, categories, missing values, standardisation.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/training/support/batch_of.h"
#include "tests/training/test_files.h"
#include "training/data/open_dataset.h"

namespace temper::training {
namespace {

constexpr const char* kTable =
    "age,city,income,class\n"
    "20,Rome,1000,no\n"
    "30,Oslo,3000,yes\n"
    "40,Rome,5000,no\n"
    "50,Bern,NA,yes\n";

std::vector<double> rows_of(const Dataset& data, std::size_t f,
                            const std::vector<std::int64_t>& rows) {
  return batch_of(data, rows)[f].values<double>();
}

// Numbers as the file has them.
DataOptions as_written() {
  DataOptions options;
  options.settings.standardize = false;
  return options;
}

DataOptions filling() {
  DataOptions options = as_written();
  options.settings.fill_missing = true;
  return options;
}

TEST(Table, ReadsNumbersCategoriesAndTheTarget) {
  const TempFolder folder;
  const std::string path = folder.write("a.csv", kTable);
  const auto data = open_dataset(path, filling());
  data->fit(std::vector<std::int64_t>{0, 1, 2, 3});
  EXPECT_EQ(data->count(), 4);
  EXPECT_EQ(data->fields()[0].row_shape, (Shape{3}));
  EXPECT_EQ(data->fields()[0].dtype, DType::kFloat32);
  // Bern 0, Oslo 1, Rome 2; the missing income is the mean.
  EXPECT_EQ(rows_of(*data, 0, {3, 0}), (std::vector<double>{50, 0, 3000, 20, 2, 1000}));
  EXPECT_EQ(data->labels(1), (std::vector<std::int64_t>{0, 1, 0, 1}));
  EXPECT_EQ(data->where(1, 3), path + ":5: column 'class'");
}

TEST(Table, NamesTheClassesOfItsTarget) {
  const TempFolder folder;
  const std::string path = folder.write("a.csv", "a,species\n1,oak\n2,elm\n3,oak\n");
  EXPECT_EQ(open_dataset(path, {})->class_names(), (std::vector<std::string>{"elm", "oak"}));
  const std::string numbers = folder.write("b.csv", "a,target\n1,0\n2,1\n3,0\n");
  EXPECT_TRUE(open_dataset(numbers, {})->class_names().empty());
}

TEST(Table, LearnsMeanAndDeviationFromTheTrainingRowsOnly) {
  const TempFolder folder;
  DataOptions options = filling();
  options.settings.standardize = true;
  options.settings.drop = {"city"};
  const auto data = open_dataset(folder.write("a.csv", kTable), options);
  data->fit(std::vector<std::int64_t>{0, 2, 3});
  // age 20, 40, 50: mean 110/3, population deviation sqrt(1400/9). income 1000, 5000: 3000, 2000.
  const double deviation = std::sqrt(1400.0 / 9.0);
  const auto values = rows_of(*data, 0, {1, 3});
  EXPECT_FLOAT_EQ(static_cast<float>(values[0]), static_cast<float>((30 - 110.0 / 3) / deviation));
  EXPECT_EQ(values[1], 0.0);
  EXPECT_FLOAT_EQ(static_cast<float>(values[2]), static_cast<float>((50 - 110.0 / 3) / deviation));
  EXPECT_EQ(values[3], 0.0) << "a missing value is the mean";
}

TEST(Table, PreparesOtherTablesAsTheTrainingTable) {
  const TempFolder folder;
  DataOptions options = filling();
  options.settings.standardize = true;
  options.settings.one_hot = true;
  const auto train = open_dataset(folder.write("a.csv", kTable), options);
  train->fit(std::vector<std::int64_t>{0, 1, 2, 3});
  EXPECT_EQ(train->fields()[0].row_shape, (Shape{5}));

  DataOptions other;
  other.preprocessing = parse_json(train->preprocessing().text(), "stored");
  // Other order of columns, one more, all values of row 1 and one missing.
  const std::string path =
      folder.write("b.csv", "id,class,city,income,age\n7,yes,Oslo,3000,30\n8,no,Oslo,?,30\n");
  const auto data = open_dataset(path, other);
  EXPECT_EQ(rows_of(*data, 0, {0}), rows_of(*train, 0, {1}));
  EXPECT_EQ(rows_of(*data, 0, {1})[4], 0.0);
  EXPECT_EQ(data->labels(1), (std::vector<std::int64_t>{1, 0}));

  const std::string unknown = folder.write("c.csv", "class,city,income,age\nyes,Paris,1,2\n");
  expect_error([&] { open_dataset(unknown, other); }, ErrorCode::kInvalidData,
               "c.csv:2: column 'city'", "'Paris'", "Bern, Oslo, Rome");
  const std::string less = folder.write("d.csv", "class,city,age\nyes,Rome,2\n");
  expect_error([&] { open_dataset(less, other); }, ErrorCode::kInvalidData, "'income'");
  other.require_targets = false;
  const std::string predict = folder.write("e.csv", "city,income,age\nOslo,3000,30\n");
  EXPECT_EQ(rows_of(*open_dataset(predict, other), 0, {0}), rows_of(*train, 0, {1}));
}

TEST(Table, ReadingNeedsTheFitItAskedFor) {
  const TempFolder folder;
  const auto data = open_dataset(folder.write("a.csv", kTable), filling());
  expect_error([&] { rows_of(*data, 0, {0}); }, ErrorCode::kInternal, "fit()");
  expect_error([&] { data->preprocessing(); }, ErrorCode::kInternal, "fit()");
}

TEST(Table, KeepsOneHotRowsOfZeroAndOne) {
  const TempFolder folder;
  DataOptions options = as_written();
  options.settings.one_hot = true;
  options.settings.drop = {"income", "age"};
  const auto data = open_dataset(folder.write("a.csv", kTable), options);
  EXPECT_EQ(rows_of(*data, 0, {0, 1, 3}), (std::vector<double>{0, 0, 1, 0, 1, 0, 1, 0, 0}));
}

TEST(Table, ChoosesTargetsByNameAndByPlace) {
  const TempFolder folder;
  const std::string path = folder.write("a.csv", "p,q,r\n1,2,0.5\n4,5,1.5\n");
  const auto last = open_dataset(path, as_written());
  EXPECT_EQ(last->fields()[1].dtype, DType::kFloat32);
  EXPECT_EQ(last->fields()[1].row_shape, Shape{});
  EXPECT_EQ(rows_of(*last, 1, {1}), std::vector<double>{1.5});
  DataOptions options = as_written();
  options.settings.target = {"r", "p"};
  const auto two = open_dataset(path, options);
  EXPECT_EQ(two->fields()[1].row_shape, (Shape{2}));
  EXPECT_EQ(rows_of(*two, 1, {1}), (std::vector<double>{1.5, 4}));
  options.settings.target = {"p"};
  EXPECT_EQ(open_dataset(path, options)->labels(1), (std::vector<std::int64_t>{1, 4}));
  options.targets = {{"target", DType::kFloat32, Shape{1}, ""}};
  EXPECT_EQ(open_dataset(path, options)->fields()[1].row_shape, (Shape{1}));
  options.settings.target = {"z"};
  expect_error([&] { open_dataset(path, options); }, ErrorCode::kInvalidData, "no column 'z'",
               "p, q, r");
}

TEST(Table, GivesEachInputItsColumnWhenTheyAreNamedAlike) {
  const TempFolder folder;
  DataOptions options = as_written();
  options.inputs = {{"city", DType::kInt64, Shape{1}, ""}, {"age", DType::kFloat32, Shape{1}, ""}};
  options.settings.drop = {"income"};
  const std::string path = folder.write("a.csv", kTable);
  const auto data = open_dataset(path, options);
  EXPECT_EQ(rows_of(*data, 0, {0, 1}), (std::vector<double>{2, 1}));
  EXPECT_EQ(rows_of(*data, 1, {0, 1}), (std::vector<double>{20, 30}));
  options.inputs[1].name = "years";
  expect_error([&] { open_dataset(path, options); }, ErrorCode::kInvalidData, "age, city");
}

TEST(Table, SaysWhereTheTableIsWrong) {
  const TempFolder folder;
  const auto refuses = [&](const char* text, const char* a, const char* b,
                           const DataOptions& options = {}) {
    const std::string path = folder.write("bad.csv", text);
    expect_error([&] { open_dataset(path, options); }, ErrorCode::kInvalidData, "bad.csv", a, b);
  };
  refuses(kTable, ":5: column 'income'", "data.fill_missing = true");
  refuses("a,y\n1,0\n2x,1\n3,0\n", ":3: column 'a': '2x' is no number", "line 2");
  refuses("a,y\n1,0\n2,\n", ":3: column 'y'", "a target must be there", filling());
  refuses("a,b,y\n,1,0\n,2,1\n", ":2: column 'a' has no values", "data.drop", filling());
  refuses("a,y\n1e300,0\n", ":2: column 'a'", "more than f32 holds");
  refuses("a,y\n", "is empty", "no rows", [] {
    DataOptions options = as_written();
    options.settings.header = "yes";
    return options;
  }());
  refuses("a;y\n1,5;0\n2,5;1\n", ":2: column 'a': '1,5'", "data.decimal");
}

TEST(Table, CategoriesMayBeNumbersWhenDeclared) {
  const TempFolder folder;
  DataOptions options = as_written();
  options.settings.categorical = {"code"};
  const auto data = open_dataset(folder.write("a.csv", "code,y\n70,1\n20,2\n70,3\n"), options);
  EXPECT_EQ(rows_of(*data, 0, {0, 1, 2}), (std::vector<double>{1, 0, 1}));
}

TEST(Table, ChecksLabelsWithTheirLine) {
  const TempFolder folder;
  const auto data = open_dataset(folder.write("a.csv", "x,y\n1,0\n\n2,7\n"), {});
  expect_error([&] { check_labels(*data, 1, 3); }, ErrorCode::kInvalidData, "a.csv:4: column 'y'",
               "label is 7");
}

}  // namespace
}  // namespace temper::training
