// Folders of pictures: classes by sub-folder, sizes as torchvision makes them, masks by name, and
// errors that name the file.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/training/support/batch_of.h"
#include "tests/training/test_files.h"
#include "training/data/open_dataset.h"
#include "training/data/pictures/augment.h"

namespace temper::training {
namespace {

namespace fs = std::filesystem;

DataOptions options_for(std::vector<std::int64_t> dims) {
  DataOptions options;
  options.inputs = {{"x", DType::kFloat32, std::nullopt, {}, std::move(dims)}};
  return options;
}

std::int64_t row_named(const Dataset& data, const std::string& name) {
  for (std::int64_t row = 0; row < data.count(); ++row) {
    if (data.where(0, row).ends_with(name)) {
      return row;
    }
  }
  ADD_FAILURE() << name;
  return 0;
}

// A copy of a folder of fixtures that a test may damage.
class Copied {
 public:
  explicit Copied(const std::string& name) {
    fs::copy(fixture(name), folder_.path(name), fs::copy_options::recursive);
    path = folder_.path(name);
  }
  std::string write(const std::string& name, std::string_view content) const {
    fs::create_directories(fs::path(path + "/" + name).parent_path());
    std::ofstream(path + "/" + name, std::ios::binary) << content;
    return path + "/" + name;
  }
  std::string path;

 private:
  TempFolder folder_;
};

TEST(ImageFolder, EachSubFolderIsAClassInTheOrderOfNames) {
  const auto data = open_dataset(fixture("classes"), options_for({3, 8, 8}));
  EXPECT_EQ(data->count(), 12);
  EXPECT_EQ(data->class_names(), (std::vector<std::string>{"blue", "red"}));
  EXPECT_EQ(data->labels(1), (std::vector<std::int64_t>{0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1}));
  EXPECT_TRUE(data->where(0, 7).ends_with("classes/red/1.png")) << data->where(0, 7);
  EXPECT_EQ(data->fields()[0].row_shape, (Shape{3, 8, 8}));
  const std::vector<Tensor> batch = batch_of(*data, {0, 11});
  EXPECT_EQ(batch[1].values<std::int64_t>(), (std::vector<std::int64_t>{0, 1}));
  check_labels(*data, 1, 2);
  expect_error([&] { check_labels(*data, 1, 1); }, ErrorCode::kInvalidData, "red/0", "label is 1");
}

// tools/oracle/picture_fixtures.py: channels last there, first here.
TEST(ImageFolder, PicturesAreResizedAndCroppedAsTorchvisionDoes) {
  std::ifstream file(fixture("classes/prepared.txt"));
  std::string line;
  int compared = 0;
  while (std::getline(file, line)) {
    if (line.starts_with("#")) {
      continue;
    }
    std::istringstream words(line);
    std::string name;
    std::size_t sides = 0;
    std::int64_t height = 0;
    std::int64_t width = 0;
    words >> name >> sides;
    DataOptions options = options_for({3, -1, -1});
    options.settings.resize.resize(sides);
    for (std::int64_t& side : options.settings.resize) {
      words >> side;
    }
    words >> height >> width;
    options.settings.crop = {height, width};
    const auto data = open_dataset(fixture("classes"), options);
    const std::vector<float> values = batch_of(*data, {row_named(*data, name)})[0].values<float>();
    std::vector<float> expected(values.size());
    for (std::size_t i = 0, plane = values.size() / 3; i < values.size(); ++i) {
      words >> expected[i % 3 * plane + i / 3];
    }
    EXPECT_TRUE(words) << name;
    EXPECT_EQ(values, expected) << line.substr(0, 40);
    ++compared;
  }
  EXPECT_EQ(compared, 24);
}

TEST(ImageFolder, WithoutWordsAPictureJustCoversTheModelsInput) {
  const auto wide = open_dataset(fixture("classes"), options_for({3, 6, 12}));
  EXPECT_EQ(wide->fields()[0].row_shape, (Shape{3, 6, 12}));
  batch_of(*wide, {0, 5, 11});
  const auto grey = open_dataset(fixture("classes"), options_for({1, 8, 8}));
  EXPECT_EQ(batch_of(*grey, {0})[0].shape(), (Shape{1, 1, 8, 8}));
  DataOptions scaled = options_for({3, 8, 8});
  scaled.settings.scale = true;
  const auto whole = open_dataset(fixture("classes"), options_for({3, 8, 8}));
  const std::vector<float> of_one =
      batch_of(*open_dataset(fixture("classes"), scaled), {3})[0].values<float>();
  const std::vector<float> of_255 = batch_of(*whole, {3})[0].values<float>();
  for (std::size_t i = 0; i < of_one.size(); ++i) {
    EXPECT_EQ(of_one[i], of_255[i] / 255.0f);
  }
}

TEST(ImageFolder, AModelMayTakeChannelsLast) {
  const auto last = open_dataset(fixture("classes"), options_for({6, 8, 3}));
  const auto first = open_dataset(fixture("classes"), options_for({3, 6, 8}));
  ASSERT_EQ(last->fields()[0].row_shape, (Shape{6, 8, 3}));
  const std::vector<float> turned = batch_of(*last, {4})[0].values<float>();
  const std::vector<float> planes = batch_of(*first, {4})[0].values<float>();
  for (std::size_t i = 0; i < turned.size(); ++i) {
    EXPECT_EQ(turned[i], planes[i % 3 * 48 + i / 3]) << i;
  }
}

TEST(ImageFolder, SizesThatCannotBeAreErrorsBeforeAnyFileIsRead) {
  const auto open = [](std::vector<std::int64_t> dims, std::vector<std::int64_t> resize,
                       std::vector<std::int64_t> crop) {
    DataOptions options = options_for(std::move(dims));
    options.settings.resize = std::move(resize);
    options.settings.crop = std::move(crop);
    return open_dataset(fixture("classes"), options);
  };
  expect_error([&] { open({3, -1, -1}, {}, {}); }, ErrorCode::kInvalidArgument,
               "leaves the height and width of pictures open", "data.crop = [height, width]");
  expect_error([&] { open({3, 8, 8}, {7}, {}); }, ErrorCode::kInvalidArgument,
               "data.resize makes pictures smaller than the 8 x 8", "data.resize = 8");
  expect_error([&] { open({3, 8, 8}, {}, {9}); }, ErrorCode::kInvalidArgument,
               "data.crop gives pictures of 9 x 9", "takes 8 x 8");
  expect_error([&] { open({8, 8, 2}, {}, {}); }, ErrorCode::kInvalidArgument,
               "[N, channels, height, width]", "or [N, height, width, channels]");
  EXPECT_EQ(open({-1, -1, -1}, {8, 9}, {})->fields()[0].row_shape, (Shape{3, 8, 9}));
}

TEST(ImageFolder, ForPredictionNoClassesAreNeeded) {
  DataOptions options = options_for({3, 8, 8});
  options.require_targets = false;
  const auto flat = open_dataset(fixture("classes/red"), options);
  EXPECT_EQ(flat->count(), 6);
  EXPECT_EQ(flat->fields().size(), 1u);
  const auto one = open_dataset(fixture("classes/red/1.png"), options);
  EXPECT_EQ(one->count(), 1);
  EXPECT_EQ(batch_of(*one, {0})[0].values<float>(), batch_of(*flat, {1})[0].values<float>());
  options.require_targets = true;
  expect_error([&] { open_dataset(fixture("classes/red"), options); }, ErrorCode::kInvalidData,
               "6 pictures but no sub-folders", "data.target_path");
  expect_error([&] { open_dataset(fixture("classes/red/1.png"), options); },
               ErrorCode::kInvalidData, "picture without a class");
}

TEST(ImageFolder, OtherPicturesHaveTheTrainingClassesWhateverFoldersTheyAreIn) {
  const auto trained = open_dataset(fixture("classes"), options_for({3, 8, 8}));
  const Copied other("classes");
  fs::remove_all(other.path + "/blue");
  DataOptions options = options_for({3, 8, 8});
  options.preprocessing = trained->preprocessing();
  const auto data = open_dataset(other.path, options);
  EXPECT_EQ(data->labels(1), (std::vector<std::int64_t>(6, 1)));
  fs::rename(other.path + "/red", other.path + "/green");
  expect_error([&] { open_dataset(other.path, options); }, ErrorCode::kInvalidData, "green",
               "no class of the training data", "blue, red");
}

TEST(ImageFolder, ThePreparationIsKeptWithTheModel) {
  DataOptions options = options_for({3, 8, 8});
  options.settings.scale = true;
  options.settings.resize = {10};
  options.settings.interpolation = "bicubic";
  options.settings.mean = {0.5};
  options.settings.std = {0.25};
  const auto trained = open_dataset(fixture("classes"), options);
  DataOptions later = options_for({3, 8, 8});
  later.preprocessing = trained->preprocessing();
  EXPECT_EQ(batch_of(*open_dataset(fixture("classes"), later), {4})[0].values<float>(),
            batch_of(*trained, {4})[0].values<float>());
}

TEST(ImageFolder, AFolderOfTrainAndValGivesThePartThatIsAskedFor) {
  const TempFolder folder;
  fs::create_directories(folder.path("set/val"));
  fs::copy(fixture("classes"), folder.path("set/train"), fs::copy_options::recursive);
  fs::copy(fixture("classes/red"), folder.path("set/val/red"), fs::copy_options::recursive);
  DataOptions options = options_for({3, 8, 8});
  EXPECT_EQ(open_dataset(folder.path("set"), options)->count(), 12);
  options.part = DataPart::kValidation;
  EXPECT_EQ(open_dataset(folder.path("set"), options)->count(), 6);
}

TEST(ImageFolder, ADamagedFileIsNamedWhenItIsRead) {
  const Copied copy("classes");
  const std::string damaged =
      copy.write("red/1.png", read_bytes(copy.path + "/red/1.png").substr(0, 90));
  const auto data = open_dataset(copy.path, options_for({3, 8, 8}));
  batch_of(*data, {0, 6, 8});
  expect_error([&] { batch_of(*data, {0, 7}); }, ErrorCode::kInvalidData, damaged,
               "cannot be read");
}

TEST(ImageFolder, WhatIsNoClassOfPicturesIsAnErrorThatSaysWhatToDo) {
  const Copied copy("classes");
  fs::create_directories(copy.path + "/.ipynb_checkpoints");
  copy.write("red/.DS_Store", "x");
  copy.write("red/notes.txt", "x");
  EXPECT_EQ(open_dataset(copy.path, options_for({3, 8, 8}))->count(), 12);
  const std::string webp = copy.write("red/a.webp", "x");
  expect_error([&] { open_dataset(copy.path, options_for({3, 8, 8})); }, ErrorCode::kInvalidData,
               webp, "another kind than JPEG and PNG");
  fs::remove(webp);
  fs::create_directories(copy.path + "/empty");
  expect_error([&] { open_dataset(copy.path, options_for({3, 8, 8})); }, ErrorCode::kInvalidData,
               "empty has no .jpg");
}

TEST(ImageFolder, TheFingerprintKnowsNamesAndSizes) {
  const Copied copy("classes");
  const DataOptions options = options_for({3, 8, 8});
  const std::string before = open_dataset(copy.path, options)->fingerprint();
  EXPECT_EQ(open_dataset(fixture("classes"), options)->fingerprint(), before);
  fs::rename(copy.path + "/red/1.png", copy.path + "/red/9.png");
  EXPECT_NE(open_dataset(copy.path, options)->fingerprint(), before);
}

TEST(ImageFolder, KeptPicturesAreThoseReadAnew) {
  DataOptions kept = options_for({3, 8, 8});
  DataOptions anew = kept;
  anew.settings.cache_mb = 0;
  const auto data = open_dataset(fixture("classes"), kept);
  const auto same = open_dataset(fixture("classes"), anew);
  for (int pass = 0; pass < 2; ++pass) {
    EXPECT_EQ(batch_of(*data, {2, 9})[0].values<float>(),
              batch_of(*same, {2, 9})[0].values<float>());
  }
}

TEST(ResizedCrop, EachPartHasAnAreaAndShapeInBoundsAndIsDrawnPerEpochAndRow) {
  AugmentSettings settings;
  settings.resized_crop = true;
  settings.resized_crop_scale = {0.2, 0.5};
  double least = 1;
  double most = 0;
  for (std::int64_t row = 0; row < 300; ++row) {
    const PixelBox part = SampleAugmentation(settings, 1, 0, row).part_of({400, 600});
    const double share = static_cast<double>(part.size.height * part.size.width) / (400 * 600);
    const double ratio =
        static_cast<double>(part.size.width) / static_cast<double>(part.size.height);
    least = std::min(least, share);
    most = std::max(most, share);
    EXPECT_TRUE(share > 0.197 && share < 0.503 && ratio > 0.74 && ratio < 1.35) << row;
    EXPECT_TRUE(part.top >= 0 && part.left >= 0 && part.top + part.size.height <= 400 &&
                part.left + part.size.width <= 600);
  }
  EXPECT_TRUE(least < 0.22 && most > 0.48) << least << " to " << most;
  const PixelBox thin = SampleAugmentation(settings, 1, 0, 0).part_of({3, 900});
  EXPECT_EQ(thin.size, (PixelSize{3, 4})) << "no part fits: the middle";
  EXPECT_EQ(thin.left, 448);
}

TEST(ResizedCrop, TrainingSeesPartsAndValidationTheWhole) {
  DataOptions options = options_for({3, 8, 8});
  const auto plain = open_dataset(fixture("classes"), options);
  options.augment.resized_crop = true;
  const auto data = open_dataset(fixture("classes"), options);
  EXPECT_EQ(batch_of(*data, {4})[0].values<float>(), batch_of(*plain, {4})[0].values<float>());
  const std::vector<float> first = batch_of(*data, {4, 5}, 0)[0].values<float>();
  EXPECT_EQ(batch_of(*data, {4, 5}, 0)[0].values<float>(), first);
  EXPECT_NE(batch_of(*data, {4, 5}, 1)[0].values<float>(), first);
  EXPECT_NE(batch_of(*plain, {4, 5}, 0)[0].values<float>(), first);
  expect_error(
      [&] {
        DataOptions arrays = options;
        arrays.inputs = {{"x", DType::kFloat32, Shape{1, 2, 3}, {}}};
        open_dataset(fixture("tiny-images-idx3-ubyte.gz"), arrays);
      },
      ErrorCode::kInvalidArgument, "augment.resized_crop", "picture files");
}

DataOptions with_masks(DType dtype, Shape shape) {
  DataOptions options = options_for({3, 14, 14});
  options.settings.target_path = fixture("scenes/masks");
  options.targets = {{"target", dtype, std::move(shape), {}}};
  return options;
}

TEST(Masks, GiveTheClassOfEachPixelOrWhetherThereIsAnything) {
  const auto classes = open_dataset(fixture("scenes/images"), with_masks(DType::kInt64, {14, 14}));
  ASSERT_EQ(classes->count(), 8);
  EXPECT_TRUE(classes->fields()[1].is_mask);
  const auto any = open_dataset(fixture("scenes/images"), with_masks(DType::kFloat32, {1, 14, 14}));
  for (std::int64_t row = 0; row < 8; ++row) {
    const std::vector<std::int64_t> labels = batch_of(*classes, {row})[1].values<std::int64_t>();
    const std::vector<float> found = batch_of(*any, {row})[1].values<float>();
    ASSERT_EQ(labels.size(), found.size());
    EXPECT_LE(*std::max_element(labels.begin(), labels.end()), 2);
    EXPECT_GE(std::count(labels.begin(), labels.end(), 1), 1) << row;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      EXPECT_EQ(found[i], labels[i] == 0 ? 0.0f : 1.0f);
    }
  }
  check_labels(*classes, 1, 3);
  expect_error([&] { check_labels(*classes, 1, 2); }, ErrorCode::kInvalidData, "masks/s0.png, row",
               "label is 2");
}

// Squares are red where the mask is 1: also after crops and flips.
TEST(Masks, FollowTheirPicturesThroughCropsAndFlips) {
  DataOptions options = with_masks(DType::kInt64, {14, 14});
  options.augment.resized_crop = true;
  options.augment.resized_crop_scale = {0.5, 1};
  options.augment.horizontal_flip = options.augment.vertical_flip = 0.5;
  const auto data = open_dataset(fixture("scenes/images"), options);
  double inside = 0;
  double outside = 0;
  std::int64_t count_inside = 0;
  std::int64_t count_outside = 0;
  for (std::int64_t epoch = 0; epoch < 4; ++epoch) {
    const std::vector<Tensor> batch = batch_of(*data, {0, 1, 2, 3, 4, 5, 6}, epoch);
    const std::vector<float> pixels = batch[0].values<float>();
    const std::vector<std::int64_t> labels = batch[1].values<std::int64_t>();
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const std::size_t red = i / 196 * 3 * 196 + i % 196;
      (labels[i] == 1 ? inside : outside) += pixels[red] - pixels[red + 196];
      ++(labels[i] == 1 ? count_inside : count_outside);
    }
  }
  EXPECT_GT(inside / static_cast<double>(count_inside), 120);
  EXPECT_LT(outside / static_cast<double>(count_outside), 20);
}

TEST(Masks, ThatAreMissingOrOfAnotherSizeAreErrorsThatNameBothFiles) {
  const Copied copy("scenes");
  DataOptions options = with_masks(DType::kInt64, {14, 14});
  options.settings.target_path = copy.path + "/masks";
  fs::copy_file(copy.path + "/masks/s1.png", copy.path + "/masks/s2.png",
                fs::copy_options::overwrite_existing);
  const auto data = open_dataset(copy.path + "/images", options);
  expect_error([&] { batch_of(*data, {2}); }, ErrorCode::kInvalidData, "masks/s2.png has 15 x 16",
               "images/s2.png 16 x 16");
  fs::remove(copy.path + "/masks/s3.png");
  expect_error([&] { open_dataset(copy.path + "/images", options); }, ErrorCode::kInvalidData,
               "masks/s3.png is missing", "images/s3.png has no mask");
}

// What Pillow's exif_transpose gives, in training, with the model's preparation, and not unasked.
TEST(ImageFolder, PicturesAreTurnedUprightWhenAsked) {
  const TempFolder folder;
  fs::create_directories(folder.path("all/a"));
  for (const char* name : {"1.png", "6.png", "8.png"}) {
    fs::copy_file(fixture(std::string("oriented/") + name), folder.path("all/a/") + name);
  }
  const auto stored = open_dataset(folder.path("all"), options_for({3, 4, 6}));
  const std::vector<std::string> remarks = stored->remarks();
  ASSERT_EQ(remarks.size(), 1u);
  EXPECT_TRUE(remarks[0].starts_with("2 of 3 pictures")) << remarks[0];
  EXPECT_NE(remarks[0].find("a/6.png (6)"), std::string::npos) << remarks[0];
  EXPECT_NE(remarks[0].find("data.exif_orientation = true"), std::string::npos) << remarks[0];
  DataOptions asked = options_for({3, 6, 4});
  asked.settings.exif_orientation = true;
  const auto turned = open_dataset(folder.path("all"), asked);
  EXPECT_TRUE(turned->remarks().empty());
  DataOptions later = options_for({3, 6, 4});
  later.preprocessing = turned->preprocessing();
  const auto again = open_dataset(folder.path("all"), later);
  for (const char* name : {"6.png", "8.png"}) {
    const std::string pixels = read_bytes(fixture(std::string("oriented/") + name + ".rgb"));
    std::vector<float> expected;
    for (std::size_t channel = 0; channel < 3; ++channel) {
      for (std::size_t at = channel; at < pixels.size(); at += 3) {
        expected.push_back(static_cast<float>(static_cast<std::uint8_t>(pixels[at])));
      }
    }
    EXPECT_EQ(batch_of(*turned, {row_named(*turned, name)})[0].values<float>(), expected);
    EXPECT_EQ(batch_of(*again, {row_named(*again, name)})[0].values<float>(), expected);
  }
}

}  // namespace
}  // namespace temper::training
