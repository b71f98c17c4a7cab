// Mixup and CutMix: the arithmetic against torchvision's (tools/oracle/mixing.py), the draws by
// their distribution, the data set by what it delivers.
#include "training/data/mixed_dataset.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "runtime/base/error.h"
#include "tests/training/test_files.h"

namespace temper::training {
namespace {

std::vector<float> counted(int count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), 0.0F);
  return values;
}

TEST(Mixing, BlendsAsTorchvisionsMixUp) {
  std::vector<float> images = counted(24);  // [3, 1, 2, 4]
  blend_batch(images, 3, 0.75);
  const std::vector<float> expected = {4,  5,  6,  7,  8,  9,  10, 11, 6,  7,  8,  9,
                                       10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21};
  EXPECT_EQ(images, expected);
  std::vector<float> targets = {1, 0, 0, 0, 0, 1, 0, 1, 0};  // labels 0, 2, 1
  blend_batch(targets, 3, 0.75);
  EXPECT_EQ(targets, (std::vector<float>{0.75, 0.25, 0, 0.25, 0, 0.75, 0, 0.75, 0.25}));
}

TEST(Mixing, CutsAsTorchvisionsCutMix) {
  std::vector<float> images = counted(24);
  cut_batch(images, 3,
            {.share = 0.75, .is_cut = true, .top = 0, .bottom = 1, .left = 1, .right = 3}, 2, 4);
  const std::vector<float> expected = {0,  17, 18, 3,  4,  5, 6,  7,  8,  1,  2,  11,
                                       12, 13, 14, 15, 16, 9, 10, 19, 20, 21, 22, 23};
  EXPECT_EQ(images, expected);
}

TEST(Mixing, SharesFollowTheBetaDistribution) {
  constexpr int kDraws = 4000;
  for (const double alpha : {0.2, 1.0, 4.0}) {
    double sum = 0;
    double squares = 0;
    for (int row = 0; row < kDraws; ++row) {
      const double share = draw_mix({.mixup = alpha, .seed = 3}, 1, row, 8, 8).share;
      ASSERT_GE(share, 0);
      ASSERT_LE(share, 1);
      sum += share;
      squares += share * share;
    }
    const double mean = sum / kDraws;
    // Beta(a, a) has the mean 1/2 and the variance 1 / (4 (2a + 1)).
    const double variance = 1 / (4 * (2 * alpha + 1));
    EXPECT_NEAR(mean, 0.5, 5 * std::sqrt(variance / kDraws)) << alpha;
    EXPECT_NEAR(squares / kDraws - mean * mean, variance, 0.1 * variance) << alpha;
  }
}

TEST(Mixing, AreaOfARectangleIsTheOthersShare) {
  bool blended = false;
  bool cut = false;
  for (int row = 0; row < 100; ++row) {
    const BatchMix mix = draw_mix({.mixup = 1, .cutmix = 1, .seed = 9}, 0, row, 10, 20);
    (mix.is_cut ? cut : blended) = true;
    if (mix.is_cut) {
      EXPECT_GE(mix.top, 0);
      EXPECT_LE(mix.bottom, 10);
      EXPECT_LE(mix.right, 20);
      const auto area = static_cast<double>((mix.bottom - mix.top) * (mix.right - mix.left));
      EXPECT_DOUBLE_EQ(mix.share, 1 - area / 200);
    }
  }
  EXPECT_TRUE(blended && cut);
}

// Row i holds the number i in 1 x 2 x 2 pixels and has the label i % 3.
class Numbered : public Dataset {
 public:
  std::int64_t count() const override { return 6; }
  const std::vector<Field>& fields() const override { return fields_; }
  void read(std::span<const std::int64_t> rows, std::span<Tensor> out) const override {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::size_t pixel = 0; pixel < 4; ++pixel) {
        out[0].span<float>()[4 * i + pixel] = static_cast<float>(rows[i]);
      }
      out[1].span<std::int64_t>()[i] = rows[i] % 3;
    }
  }
  std::vector<std::int64_t> labels(std::size_t /*field*/) const override {
    return {0, 1, 2, 0, 1, 2};
  }
  std::string where(std::size_t /*field*/, std::int64_t row) const override {
    return concat("row ", row);
  }
  const std::string& fingerprint() const override { return name_; }

 private:
  std::string name_ = "numbered";
  std::vector<Field> fields_ = {{"x", DType::kFloat32, Shape{1, 2, 2}, false, 0},
                                {"target", DType::kInt64, Shape{}, true, 0}};
};

TEST(MixedDataset, GivesProbabilitiesAndMixesInTrainingAlone) {
  const MixedDataset data(std::make_unique<Numbered>(), {.mixup = 1, .classes = 3, .seed = 1});
  EXPECT_EQ(data.fields()[1].dtype, DType::kFloat32);
  EXPECT_EQ(data.fields()[1].row_shape, Shape{3});
  std::vector<Tensor> out = {Tensor(DType::kFloat32, Shape{2, 1, 2, 2}),
                             Tensor(DType::kFloat32, Shape{2, 3})};
  const std::vector<std::int64_t> rows = {4, 2};
  data.read(rows, out);
  EXPECT_EQ(out[0].values<double>()[0], 4);
  EXPECT_EQ(out[1].values<double>(), (std::vector<double>{0, 1, 0, 0, 0, 1}));
  data.read_training(rows, 5, out);
  const double share = draw_mix({.mixup = 1, .seed = 1}, 5, 4, 2, 2).share;
  EXPECT_NEAR(out[0].values<double>()[0], share * 4 + (1 - share) * 2, 1e-6);
  EXPECT_NEAR(out[1].values<double>()[1], share, 1e-7);
  EXPECT_NEAR(out[1].values<double>()[2], 1 - share, 1e-7);
  EXPECT_EQ(data.labels(1), (std::vector<std::int64_t>{0, 1, 2, 0, 1, 2}));
}

}  // namespace
}  // namespace temper::training
