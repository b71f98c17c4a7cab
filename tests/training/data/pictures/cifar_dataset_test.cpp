// CIFAR's binary files: records, labels, names, folders, and files that are damaged.
#include "training/data/pictures/cifar_dataset.h"

#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <iterator>
#include <numeric>

#include "tests/training/support/batch_of.h"
#include "tests/training/test_files.h"
#include "training/data/batch_loader.h"
#include "training/settings/data_formats.h"

namespace temper::training {
namespace {

// A record whose pixel i is (first + i) % 251.
std::string record(const std::string& labels, int first) {
  std::string bytes = labels;
  for (int i = 0; i < 3072; ++i) {
    bytes += static_cast<char>((first + i) % 251);
  }
  return bytes;
}
std::string label(int value) { return {static_cast<char>(value)}; }
std::string labels(int coarse, int fine) { return label(coarse) + label(fine); }

const Tensor& first_batch(const Dataset& data, std::vector<Tensor>& out) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(data.count()));
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  out = batch_of(data, rows);
  return out[0];
}

TEST(Cifar, ReadsTheTrainingFilesOfAFolderInOrder) {
  const TempFolder folder;
  folder.write("data_batch_2.bin", record(label(9), 5));
  folder.write("data_batch_1.bin", record(label(3), 0) + record(label(0), 1));
  folder.write("test_batch.bin", record(label(7), 2));
  folder.write("batches.meta.txt", "plane\r\ncar\n\n");
  for (const std::string& path : {folder.path(""), folder.path("data_batch_*.bin")}) {
    const auto data = open_dataset(path, {});
    EXPECT_EQ(data->labels(1), (std::vector<std::int64_t>{3, 0, 9}));
    EXPECT_EQ(data->fields()[0].row_shape, (Shape{3, 32, 32}));
    EXPECT_EQ(data->class_names(), (std::vector<std::string>{"plane", "car"}));
    std::vector<Tensor> out;
    const Tensor& images = first_batch(*data, out);
    const auto pixels = images.values<int>();
    EXPECT_EQ(pixels[0], 0);
    EXPECT_EQ(pixels[3072 + 40], 41);
    EXPECT_EQ(pixels[2 * 3072 + 3071], (5 + 3071) % 251);
    EXPECT_NE(data->where(0, 1).find("data_batch_1.bin, record 1"), std::string::npos);
    EXPECT_NE(data->where(0, 2).find("data_batch_2.bin, record 0"), std::string::npos);
  }
  DataOptions validation;
  validation.part = DataPart::kValidation;
  EXPECT_EQ(open_dataset(folder.path(""), validation)->labels(1), std::vector<std::int64_t>{7});
}

TEST(Cifar, Of100ClassesHasFineAndCoarseLabels) {
  const TempFolder folder;
  folder.write("train.bin", record(labels(19, 99), 0) + record(labels(4, 30), 1));
  folder.write("fine_label_names.txt", "apple\nfish\n");
  folder.write("coarse_label_names.txt", "food\n");
  DataOptions options;
  const auto fine = open_dataset(folder.path("train.bin"), options);
  EXPECT_EQ(fine->labels(1), (std::vector<std::int64_t>{99, 30}));
  EXPECT_EQ(fine->class_names().size(), 2u);
  options.settings.target = {"coarse"};
  const auto coarse = open_dataset(folder.path(""), options);
  EXPECT_EQ(coarse->labels(1), (std::vector<std::int64_t>{19, 4}));
  EXPECT_EQ(coarse->class_names(), std::vector<std::string>{"food"});
  options.settings.target = {"colour"};
  expect_error([&] { open_dataset(folder.path("train.bin"), options); },
               ErrorCode::kInvalidArgument, "data.target is colour", "fine and coarse");
}

TEST(Cifar, TellsTenClassesFromAHundredBySizeOrByTheRecipe) {
  const TempFolder folder;
  const std::string ten = folder.write("ten.bin", record(label(1), 0));
  const std::string hundred = folder.write("hundred.bin", record(labels(1, 50), 0));
  EXPECT_EQ(open_dataset(ten, {})->labels(1), std::vector<std::int64_t>{1});
  EXPECT_EQ(open_dataset(hundred, {})->labels(1), std::vector<std::int64_t>{50});
  const std::string neither = folder.write("neither.bin", std::string(100, '\1'));
  expect_error([&] { open_dataset(neither, {}); }, ErrorCode::kUnsupported, "neither.bin",
               "data.format");
  DataOptions options;
  options.settings.format = "cifar10";
  expect_error([&] { open_dataset(neither, options); }, ErrorCode::kInvalidData, "neither.bin",
               "100 bytes", "3073");
  expect_error([&] { open_dataset(folder.path(""), options); }, ErrorCode::kInvalidData,
               "without data_batch*.bin");
}

TEST(Cifar, RefusesDamagedFilesByNameAndRecord) {
  const TempFolder folder;
  const std::string cut = folder.write("data_batch_1.bin", record(label(1), 0).substr(0, 3000));
  expect_error([&] { open_dataset(cut, {}); }, ErrorCode::kInvalidData, "data_batch_1.bin",
               "3000 bytes", "3073");
  const std::string wrong =
      folder.write("data_batch_2.bin", record(label(9), 0) + record(label(10), 0));
  expect_error([&] { open_dataset(wrong, {}); }, ErrorCode::kInvalidData,
               "data_batch_2.bin, record 1", "label is 10", "0 to 9");
  const std::string fine = folder.write("test.bin", record(labels(20, 3), 0));
  expect_error([&] { open_dataset(fine, {}); }, ErrorCode::kInvalidData, "test.bin, record 0",
               "coarse label is 20");
  expect_error([&] { open_dataset(folder.path("batch*.bin"), {}); }, ErrorCode::kIo,
               "no file is named as");
  expect_error([&] { open_dataset(folder.write("data_batch_3.bin", ""), {}); },
               ErrorCode::kInvalidData, "is empty");
}

TEST(DataFormats, AreAllKnown) {
  const TempFolder folder;
  const std::string path = folder.write("data_batch_1.bin", record(label(1), 0));
  for (const char* format : kDataFormats) {
    DataOptions options;
    options.settings.format = format;
    const std::string name = format;
    if (name == "auto" || name == "cifar10" || name == "csv") {
      continue;  // opened, or tried as a table
    }
    EXPECT_THROW(open_dataset(path, options), Error) << name << " was not taken at its word";
  }
}

TEST(CifarSample, HasTenClassesWithNames) {
  const auto data = open_dataset(TEMPER_SOURCE_DIR "/models/cifar", {});
  EXPECT_EQ(data->count(), 320);
  EXPECT_EQ(data->class_names().size(), 10u);
  check_labels(*data, 1, 10);
}

}  // namespace
}  // namespace temper::training
