// Opening arrays as data sets: names, types, shapes, and what is wrong with them.
#include "training/data/open_dataset.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "tests/training/support/batch_of.h"
#include "tests/training/test_files.h"
#include "training/data/dataset_over.h"
#include "training/formats/npy.h"
#include "training/formats/npz.h"

namespace temper::training {
namespace {

// Rows `rows` of field `f` as doubles.
std::vector<double> read_rows(const Dataset& data, std::size_t f,
                              const std::vector<std::int64_t>& rows) {
  return batch_of(data, rows)[f].values<double>();
}

Tensor floats(const Shape& shape, std::vector<float> values) {
  return Tensor::from<float>(DType::kFloat32, shape, values);
}
Tensor ints(DType dtype, const Shape& shape, std::vector<std::int64_t> values) {
  return Tensor::from<std::int64_t>(dtype, shape, values);
}

TEST(OpenDataset, ReadsAnNpzByTheNamesOfItsArrays) {
  const auto data = open_dataset(fixture("stored.npz"), {});
  EXPECT_EQ(data->count(), 6);
  ASSERT_EQ(data->fields().size(), 2u);
  EXPECT_EQ(data->fields()[0].name, "x");
  EXPECT_EQ(data->fields()[0].row_shape, (Shape{4}));
  EXPECT_TRUE(data->fields()[1].is_target);
  EXPECT_EQ(read_rows(*data, 0, {5, 0}), (std::vector<double>{20, 21, 22, 23, 0, 1, 2, 3}));
  EXPECT_EQ(read_rows(*data, 1, {5, 0}), (std::vector<double>{2, 0}));
  EXPECT_EQ(data->labels(1), (std::vector<std::int64_t>{0, 1, 2, 0, 1, 2}));
  EXPECT_TRUE(data->preprocessing().is_null());
}

TEST(OpenDataset, ConvertsToWhatTheModelTakes) {
  const TempFolder folder;
  const std::string path = folder.path("a.npz");
  write_npz(path, {{"image", ints(DType::kUInt8, Shape{2, 2, 2}, {0, 51, 102, 255, 1, 2, 3, 4})},
                   {"target", ints(DType::kUInt8, Shape{2}, {1, 0})}});
  DataOptions options;
  options.inputs = {{"image", DType::kFloat32, Shape{1, 2, 2}, ""}};
  const auto plain = open_dataset(path, options);
  EXPECT_EQ(plain->fields()[0].row_shape, (Shape{1, 2, 2}));
  EXPECT_EQ(read_rows(*plain, 0, {0}), (std::vector<double>{0, 51, 102, 255}));
  EXPECT_EQ(plain->fields()[1].dtype, DType::kInt64);
  options.settings.scale = true;
  const auto scaled = open_dataset(path, options);
  const auto values = read_rows(*scaled, 0, {0});
  EXPECT_EQ(values[1], static_cast<double>(51.0f / 255.0f));
  EXPECT_EQ(values[3], 1.0);
  EXPECT_EQ(read_rows(*scaled, 1, {0}), std::vector<double>{1}) << "targets are never scaled";
  options.inputs[0].row_shape = Shape{4};
  EXPECT_EQ(open_dataset(path, options)->fields()[0].row_shape, (Shape{4}));
  options.inputs[0].row_shape = Shape{2, 1, 3};
  expect_error([&] { open_dataset(path, options); }, ErrorCode::kInvalidData, "array 'image'",
               "[2,2]", "[2,1,3]");
}

TEST(OpenDataset, TellsTargetsFromInputsOfTheSameName) {
  const TempFolder folder;
  const std::string path = folder.path("a.npz");
  write_npz(path, {{"target", floats(Shape{2, 1}, {1, 2})},
                   {"target:y", floats(Shape{2}, {3, 4})},
                   {"z", floats(Shape{2}, {5, 6})}});
  DataOptions options;
  options.inputs = {{"target", DType::kFloat32, std::nullopt, ""}};
  options.targets = {{"y", DType::kFloat32, std::nullopt, ""},
                     {"z", DType::kFloat32, std::nullopt, ""}};
  const auto data = open_dataset(path, options);
  EXPECT_EQ(read_rows(*data, 0, {1}), std::vector<double>{2});
  EXPECT_EQ(read_rows(*data, 1, {1}), std::vector<double>{4});
  EXPECT_EQ(read_rows(*data, 2, {1}), std::vector<double>{6});
  options.targets = {{"w", DType::kFloat32, std::nullopt, ""}};
  expect_error([&] { open_dataset(path, options); }, ErrorCode::kInvalidData, "target 'w'",
               "target, target:y, z");
  options.require_targets = false;
  EXPECT_EQ(open_dataset(path, options)->fields().size(), 1u);
}

TEST(OpenDataset, TakesAnInputThatIsCalledAsATargetForNone) {
  const TempFolder folder;
  const std::string path = folder.path("a.npz");
  write_npz(path,
            {{"target:x", floats(Shape{2, 1}, {1, 2})}, {"target:y", floats(Shape{2}, {3, 4})}});
  DataOptions options;
  options.inputs = {{"target:x", DType::kFloat32, std::nullopt, ""}};
  const auto data = open_dataset(path, options);
  ASSERT_EQ(data->fields().size(), 2u);
  EXPECT_EQ(data->fields()[1].name, "y");
  EXPECT_EQ(read_rows(*data, 1, {1}), std::vector<double>{4});
}

TEST(OpenDataset, TakesTheNamesOfTheClassesFromAnArrayOfTexts) {
  const auto data = open_dataset(fixture("classes.npz"), {});
  EXPECT_EQ(data->class_names(), (std::vector<std::string>{"ant", "b\u00e9e", "\u732b"}));
  EXPECT_EQ(data->fields().size(), 2u) << "it is no input";
  EXPECT_TRUE(open_dataset(fixture("stored.npz"), {})->class_names().empty());
}

TEST(OpenDataset, NamesTheArrayThatIsMissing) {
  DataOptions options;
  options.inputs = {{"pixels", DType::kFloat32, std::nullopt, ""}};
  expect_error([&] { open_dataset(fixture("stored.npz"), options); }, ErrorCode::kInvalidData,
               "no array 'pixels'", "x, target");
  options.inputs[0].array = "x";
  EXPECT_EQ(open_dataset(fixture("stored.npz"), options)->fields()[0].name, "pixels");
}

TEST(OpenDataset, RefusesArraysThatDoNotMakeASet) {
  const TempFolder folder;
  const std::string path = folder.path("a.npz");
  const auto refuses = [&](const std::vector<NamedTensor>& arrays, const char* a, const char* b) {
    write_npz(path, arrays);
    expect_error([&] { open_dataset(path, {}); }, ErrorCode::kInvalidData, "a.npz", a, b);
  };
  refuses({{"x", floats(Shape{3, 1}, {1, 2, 3})}, {"target", floats(Shape{2}, {1, 2})}},
          "array 'target' has 2 rows", "array 'x' has 3");
  refuses({{"x", floats(Shape{0, 4}, {})}, {"target", floats(Shape{0}, {})}}, "array 'x'",
          "no rows");
  refuses({{"x", floats(Shape{}, {1})}, {"target", floats(Shape{1}, {1})}}, "array 'x'",
          "single value");
  refuses({{"x", floats(Shape{1}, {1})}}, "target", "x");
  refuses({{"target", floats(Shape{1}, {1})}}, "no array to take as input", "target");
}

TEST(OpenDataset, FindsValuesThatAreNotFinite) {
  const TempFolder folder;
  const std::string path = folder.path("a.npz");
  for (const float bad : {NAN, -std::numeric_limits<float>::infinity()}) {
    write_npz(path, {{"x", floats(Shape{3, 2}, {0, 1, 2, 3, 4, bad})},
                     {"target", floats(Shape{3}, {1, 2, 3})}});
    expect_error([&] { open_dataset(path, {}); }, ErrorCode::kInvalidData, "a.npz, array 'x'",
                 "row 2", std::isnan(bad) ? "nan" : "-inf");
    DataOptions options;
    options.require_finite = false;
    EXPECT_EQ(open_dataset(path, options)->count(), 3);
  }
  const std::vector<double> large = {1, 1e300};
  write_npz(path, {{"x", Tensor::from<double>(DType::kFloat64, Shape{2}, large)},
                   {"target", floats(Shape{2}, {1, 2})}});
  EXPECT_EQ(open_dataset(path, {})->fields()[0].dtype, DType::kFloat64);
  DataOptions options;
  options.inputs = {{"x", DType::kFloat32, std::nullopt, ""}};
  expect_error([&] { open_dataset(path, options); }, ErrorCode::kInvalidData, "row 1",
               "more than f32 holds");
}

TEST(OpenDataset, RefusesLabelsThatAreNoWholeNumbers) {
  const TempFolder folder;
  const std::string path = folder.path("a.npz");
  DataOptions options;
  options.targets = {{"target", DType::kInt64, std::nullopt, ""}};
  const Tensor x = floats(Shape{3}, {0, 0, 0});
  write_npz(path, {{"x", x}, {"target", floats(Shape{3}, {0, 2, 1})}});
  EXPECT_EQ(open_dataset(path, options)->labels(1), (std::vector<std::int64_t>{0, 2, 1}));
  write_npz(path, {{"x", x}, {"target", floats(Shape{3}, {0, 0.5f, 1})}});
  expect_error([&] { open_dataset(path, options); }, ErrorCode::kInvalidData, "'target', row 1",
               "0.5", "whole number");
  options.targets[0].dtype = DType::kInt8;
  write_npz(path, {{"x", x}, {"target", ints(DType::kInt64, Shape{3}, {0, 127, 128})}});
  expect_error([&] { open_dataset(path, options); }, ErrorCode::kInvalidData, "row 2", "128");
}

TEST(CheckLabels, NamesFileRowAndValueOutOfRange) {
  const auto data = open_dataset(fixture("stored.npz"), {});
  check_labels(*data, 1, 3);
  expect_error([&] { check_labels(*data, 1, 2); }, ErrorCode::kInvalidData,
               "stored.npz, array 'target', row 2", "label is 2", "0 to 1");
  check_labels(*data, 1, 2, /*ignore_index=*/2);
  expect_error([&] { check_labels(*data, 0, 2); }, ErrorCode::kInvalidData, "f32[4]");
}

TEST(CheckLabels, NamesTheElementWhereARowHasSeveral) {
  const TempFolder folder;
  const std::string path = folder.path("a.npz");
  write_npz(path, {{"x", floats(Shape{2, 1}, {1, 2})},
                   {"target",
                    ints(DType::kUInt8, Shape{2, 2, 3}, {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 255, 2})}});
  const auto data = open_dataset(path, {});
  check_labels(*data, 1, 3, /*ignore_index=*/255);
  expect_error([&] { check_labels(*data, 1, 3); }, ErrorCode::kInvalidData,
               "array 'target', row 1, element [1,1]", "the label is 255", "0 to 2");
}

// A data set that knows no faster way.
class Plain : public DatasetOver {
 public:
  explicit Plain(std::unique_ptr<Dataset> data) : DatasetOver(std::move(data)) {}
  void read(std::span<const std::int64_t> rows, std::span<Tensor> out) const override {
    below().read(rows, out);
  }
  std::optional<OutsideValue> find_outside(std::size_t field,
                                           const AllowedValues& allowed) const override {
    return Dataset::find_outside(field, allowed);
  }
};

TEST(CheckLabels, ReadsAllRowsWhereADataSetKnowsNoFasterWay) {
  const Plain data(open_dataset(fixture("stored.npz"), {}));
  EXPECT_FALSE(data.find_outside(1, {0, 3, {}}).has_value());
  const auto found = data.find_outside(1, {0, 2, {}});
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->value, 2);
  EXPECT_EQ(found->where, open_dataset(fixture("stored.npz"), {})->where(1, 2));
}

TEST(OpenDataset, PairsIdxImagesWithTheirLabels) {
  const auto data = open_dataset(fixture("tiny-images-idx3-ubyte.gz"), {});
  EXPECT_EQ(data->count(), 4);
  EXPECT_EQ(data->fields()[0].dtype, DType::kUInt8);
  EXPECT_EQ(data->fields()[0].row_shape, (Shape{2, 3}));
  EXPECT_EQ(data->labels(1), (std::vector<std::int64_t>{3, 1, 0, 2}));
  DataOptions options;
  options.settings.scale = true;
  options.inputs = {{"pixels", DType::kFloat32, Shape{1, 2, 3}, ""}};
  EXPECT_EQ(read_rows(*open_dataset(fixture("tiny-images-idx3-ubyte.gz"), options), 0, {3})[5],
            static_cast<double>(230.0f / 255.0f));
}

TEST(OpenDataset, ReadsNpyFilesWithTheirTargetsAndFolders) {
  const TempFolder folder;
  write_npy(folder.path("x.npy"), floats(Shape{2, 2}, {1, 2, 3, 4}));
  write_npy(folder.path("target.npy"), ints(DType::kInt32, Shape{2}, {1, 0}));
  expect_error([&] { open_dataset(folder.path("x.npy"), {}); }, ErrorCode::kInvalidData,
               "data.target_path");
  DataOptions options;
  options.settings.target_path = folder.path("target.npy");
  const auto pair = open_dataset(folder.path("x.npy"), options);
  EXPECT_EQ(pair->labels(1), (std::vector<std::int64_t>{1, 0}));
  const auto whole = open_dataset(folder.path(""), {});
  EXPECT_EQ(whole->fields()[0].name, "x");
  EXPECT_EQ(whole->labels(1), (std::vector<std::int64_t>{1, 0}));
}

TEST(OpenDataset, KnowsAKindByContentWhenTheNameSaysNothing) {
  const TempFolder folder;
  const std::string zip = folder.write("data", read_bytes(fixture("stored.npz")));
  EXPECT_EQ(open_dataset(zip, {})->count(), 6);
  const std::string table = folder.write("table", "a,target\n1,2\n");
  EXPECT_EQ(open_dataset(table, {})->count(), 1);
  const std::string png = folder.write("image", "\x89PNG\r\n");
  expect_error([&] { open_dataset(png, {}); }, ErrorCode::kUnsupported, "no data file");
  const std::string nothing = folder.write("nothing.npz", "");
  expect_error([&] { open_dataset(nothing, {}); }, ErrorCode::kInvalidData, "empty");
  expect_error([&] { open_dataset(folder.path("absent.csv"), {}); }, ErrorCode::kIo, "absent.csv");
}

TEST(Fingerprint, ChangesWithTheContentOnly) {
  const TempFolder folder;
  const std::string content = read_bytes(fixture("stored.npz"));
  const auto of = [&](const std::string& name) {
    return open_dataset(folder.path(name), {})->fingerprint();
  };
  folder.write("a.npz", content);
  folder.write("b.npz", content);
  EXPECT_EQ(of("a.npz"), of("b.npz"));
  write_npz(folder.path("b.npz"),
            {{"x", floats(Shape{1}, {1})}, {"target", floats(Shape{1}, {1})}});
  EXPECT_NE(of("a.npz"), of("b.npz"));
}

}  // namespace
}  // namespace temper::training
