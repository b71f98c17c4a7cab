// What the recipe does to images: the same for any batch size and order, on training data alone,
// masks along with their images.
#include "training/data/pictures/image_pipeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <vector>

#include "tests/training/support/batch_of.h"
#include "tests/training/test_files.h"
#include "training/data/arrays/array_dataset.h"
#include "training/data/batch_loader.h"

namespace temper::training {
namespace {

constexpr std::int64_t kRows = 11;
constexpr std::int64_t kSide = 6;

// Images [3, 6, 6] and masks [6, 6]; the mask is the first channel.
std::unique_ptr<Dataset> images(DType stored = DType::kUInt8) {
  std::vector<std::int64_t> pixels(kRows * 3 * kSide * kSide);
  std::vector<std::int64_t> mask;
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    pixels[i] = static_cast<std::int64_t>(i * 37 % 251);
    if (i / (kSide * kSide) % 3 == 0) {
      mask.push_back(pixels[i]);
    }
  }
  std::vector<ArrayField> arrays(2);
  arrays[0].field = {"image", DType::kFloat32, Shape{3, kSide, kSide}, false,
                     stored == DType::kUInt8 ? 1.0 : 0.0};
  arrays[0].array = Tensor::from<std::int64_t>(stored, Shape{kRows, 3, kSide, kSide}, pixels);
  arrays[0].divisor = stored == DType::kUInt8 ? 255 : 1;
  arrays[1].field = {"mask", DType::kInt64, Shape{kSide, kSide}, true};
  arrays[1].array = Tensor::from<std::int64_t>(DType::kInt64, Shape{kRows, kSide, kSide}, mask);
  arrays[0].source = "pictures";
  arrays[1].source = "masks";
  return std::make_unique<ArrayDataset>(std::move(arrays), "none");
}

DataOptions everything() {
  DataOptions options;
  options.settings.mean = {0.5, 0.4, 0.3};
  options.settings.std = {0.2};
  AugmentSettings& a = options.augment;
  a.horizontal_flip = a.vertical_flip = a.erasing = 0.5;
  a.crop_padding = 2;
  a.rotation = 30;
  a.brightness = a.contrast = a.saturation = 0.4;
  a.hue = 0.1;
  a.noise = 0.05;
  return options;
}

TEST(ImagePipeline, ASampleDependsOnSeedEpochAndRowAlone) {
  const ImagePipeline data(images(), everything());
  const std::vector<float> of_three = batch_of(data, {3}, 2)[0].values<float>();
  const std::vector<float> in_batch = batch_of(data, {7, 3, 0, 3}, 2)[0].values<float>();
  const std::size_t size = of_three.size();
  EXPECT_TRUE(std::equal(of_three.begin(), of_three.end(), in_batch.begin() + size));
  EXPECT_TRUE(std::equal(of_three.begin(), of_three.end(), in_batch.begin() + 3 * size));
  EXPECT_NE(batch_of(data, {3}, 3)[0].values<float>(), of_three) << "another epoch";
  DataOptions other = everything();
  other.settings.seed = 1;
  EXPECT_NE(batch_of(ImagePipeline(images(), other), {3}, 2)[0].values<float>(), of_three)
      << "another seed";
}

TEST(ImagePipeline, TheLoaderGivesEachRowTheSameLookForAnyBatchSizeAndAfterARestart) {
  const ImagePipeline data(images(), everything());
  // The samples of two epochs by (epoch, place), from a start position.
  const auto collect = [&](std::int64_t batch_size, bool prefetch, DataPosition start) {
    LoaderOptions options;
    options.batch_size = batch_size;
    options.training = true;
    options.prefetch = prefetch;
    BatchLoader loader(data, Sampler(kRows, {true, 4}), options, start);
    std::map<std::pair<std::int64_t, std::int64_t>, std::vector<float>> seen;
    while (const Batch* batch = loader.next()) {
      if (batch->begin.epoch == 2) {
        break;
      }
      const std::vector<float> values = batch->fields[0].values<float>();
      const std::int64_t size = 3 * kSide * kSide;
      for (std::int64_t i = 0; i < batch->rows; ++i) {
        seen[{batch->begin.epoch, batch->begin.position + i}] =
            std::vector<float>(values.begin() + i * size, values.begin() + (i + 1) * size);
      }
    }
    return seen;
  };
  const auto whole = collect(4, true, {});
  EXPECT_EQ(whole.size(), 2u * kRows);
  EXPECT_EQ(collect(11, false, {}), whole);
  EXPECT_EQ(collect(1, true, {}), whole);
  const auto resumed = collect(4, true, {1, 4});
  EXPECT_EQ(resumed.size(), 7u);
  for (const auto& [place, values] : resumed) {
    EXPECT_EQ(values, whole.at(place));
  }
}

TEST(ImagePipeline, LeavesOtherThanTrainingSamplesAloneButForNormalisation) {
  const std::unique_ptr<Dataset> plain = images();
  const ImagePipeline data(images(), everything());
  const std::vector<float> raw = batch_of(*plain, {0, 5})[0].values<float>();
  const std::vector<float> normal = batch_of(data, {0, 5})[0].values<float>();
  const float mean[] = {0.5f, 0.4f, 0.3f};
  for (std::size_t i = 0; i < raw.size(); ++i) {
    EXPECT_EQ(normal[i], (raw[i] - mean[i / (kSide * kSide) % 3]) / 0.2f);
  }
  EXPECT_EQ(batch_of(data, {0, 5})[1].values<float>(), batch_of(*plain, {0, 5})[1].values<float>());
  EXPECT_EQ(data.preprocessing().at("images").at("std").as_array("std").size(), 1u);
}

TEST(ImagePipeline, MasksMoveAlongWithTheirImages) {
  for (const char* interpolation : {"nearest", "bilinear"}) {
    DataOptions options;
    AugmentSettings& a = options.augment;
    a.horizontal_flip = a.vertical_flip = 0.5;
    a.crop_padding = 2;
    a.rotation = std::string(interpolation) == "nearest" ? 60 : 0;
    a.interpolation = interpolation;
    a.mask_fill = -100;
    const ImagePipeline data(images(), options);
    bool moved = false;
    for (std::int64_t epoch = 0; epoch < 5; ++epoch) {
      const std::vector<Tensor> batch = batch_of(data, {1, 2, 9}, epoch);
      const std::vector<float> image = batch[0].values<float>();
      const std::vector<std::int64_t> mask = batch[1].values<std::int64_t>();
      for (std::size_t i = 0; i < mask.size(); ++i) {
        const std::size_t plane = kSide * kSide;
        const float pixel = image[i / plane * 3 * plane + i % plane];
        if (mask[i] == -100) {
          EXPECT_EQ(pixel, 0) << "from outside";
          moved = true;
        } else {
          EXPECT_EQ(pixel, static_cast<float>(mask[i]) / 255.0f);
        }
      }
    }
    EXPECT_TRUE(moved);
  }
}

TEST(ImagePipeline, FlipsAndErasesAsOftenAsAsked) {
  DataOptions options;
  options.augment.horizontal_flip = 0.25;
  const std::unique_ptr<Dataset> plain = images();
  const ImagePipeline flipping(images(), options);
  options.augment.horizontal_flip = 0;
  options.augment.erasing = 0.75;
  options.augment.erasing_scale = {0.2, 0.2};
  options.augment.erasing_ratio = {1, 1};
  const ImagePipeline erasing(images(), options);
  int flipped = 0;
  int erased = 0;
  std::vector<std::int64_t> rows(kRows);
  std::iota(rows.begin(), rows.end(), 0);
  const std::vector<float> raw = batch_of(*plain, rows)[0].values<float>();
  const std::size_t size = 3 * kSide * kSide;
  for (std::int64_t epoch = 0; epoch < 100; ++epoch) {
    const std::vector<float> a = batch_of(flipping, rows, epoch)[0].values<float>();
    const std::vector<float> b = batch_of(erasing, rows, epoch)[0].values<float>();
    for (std::size_t r = 0; r < kRows; ++r) {
      flipped += a[r * size] != raw[r * size] ? 1 : 0;
      int zeros = 0;
      for (std::size_t i = r * size; i < (r + 1) * size; ++i) {
        zeros += b[i] == 0 && raw[i] != 0 ? 1 : 0;
      }
      erased += zeros > 0 ? 1 : 0;
      EXPECT_TRUE(zeros == 0 || (zeros >= 25 && zeros <= 27)) << "3 x 3 pixels of 3 channels";
    }
  }
  EXPECT_NEAR(flipped, 275, 60);  // four deviations of 1,100 draws
  EXPECT_NEAR(erased, 825, 60);
}

TEST(ImagePipeline, NoiseHasTheDeviationAsked) {
  DataOptions options;
  options.augment.noise = 3;
  const std::unique_ptr<Dataset> plain = images(DType::kFloat32);
  const ImagePipeline data(images(DType::kFloat32), options);
  std::vector<std::int64_t> rows(kRows);
  std::iota(rows.begin(), rows.end(), 0);
  const std::vector<float> raw = batch_of(*plain, rows)[0].values<float>();
  double sum = 0;
  double squares = 0;
  double count = 0;
  for (std::int64_t epoch = 0; epoch < 10; ++epoch) {
    const std::vector<float> noisy = batch_of(data, rows, epoch)[0].values<float>();
    for (std::size_t i = 0; i < raw.size(); ++i, ++count) {
      const double noise = static_cast<double>(noisy[i]) - static_cast<double>(raw[i]);
      sum += noise;
      squares += noise * noise;
    }
  }
  EXPECT_NEAR(sum / count, 0, 0.1);  // four deviations of 11,880 draws
  EXPECT_NEAR(std::sqrt(squares / count), 3, 0.08);
}

TEST(ImagePipeline, SaysWhatDoesNotSuitTheData) {
  const auto refuses = [](const DataOptions& options, DType stored, const char* a, const char* b) {
    expect_error([&] { ImagePipeline(images(stored), options); }, ErrorCode::kInvalidArgument, a,
                 b);
  };
  DataOptions options;
  options.settings.mean = {0.5, 0.5};
  refuses(options, DType::kUInt8, "data.mean has 2 values", "3 channels");
  options = {};
  options.augment.hue = 0.1;
  refuses(options, DType::kFloat32, "'image'", "8-bit");
  options = {};
  options.augment.crop_padding = kSide;
  options.augment.padding_mode = "reflect";
  refuses(options, DType::kUInt8, "augment.crop_padding is 6", "6 x 6");
  options = {};
  options.augment.noise = 0.1;
  expect_error([&] { open_dataset(fixture("stored.npz"), options); }, ErrorCode::kInvalidArgument,
               "[augment] changes images", "stored.npz");
}

}  // namespace
}  // namespace temper::training
