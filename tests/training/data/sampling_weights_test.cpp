// Drawing with replacement: shares follow the weights, and the draw is a function of its place.
#include "training/data/sampling_weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "tests/training/test_files.h"
#include "training/data/sampler.h"
#include "training/formats/npy.h"

namespace temper::training {
namespace {

TEST(SamplingWeights, BalanceClasses) {
  const std::vector<std::int64_t> labels = {0, 0, 0, 1};
  EXPECT_EQ(balanced_weights(labels), (std::vector<double>{1.0 / 3, 1.0 / 3, 1.0 / 3, 1}));
}

TEST(WeightedSampler, DrawsInProportionAndNeverAWeightOfZero) {
  const Sampler sampler({10, 11, 12, 13}, {.shuffle = true, .seed = 5, .weights = {1, 0, 2, 1}});
  std::map<std::int64_t, int> drawn;
  constexpr int kEpochs = 5000;
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    const Sampler::Epoch order = sampler.epoch(epoch);
    for (int position = 0; position < 4; ++position) {
      ++drawn[order.row(position)];
    }
  }
  EXPECT_EQ(drawn.count(11), 0u);
  // Of 20,000 draws a share p has the deviation sqrt(20,000 p (1 - p)) <= 71: five of them.
  EXPECT_NEAR(drawn[12], 10000, 355);
  EXPECT_NEAR(drawn[10], 5000, 307);
  EXPECT_NEAR(drawn[13], 5000, 307);
}

TEST(WeightedSampler, GivesTheSameRowForTheSamePlace) {
  const SamplerOptions options{.shuffle = true, .seed = 7, .weights = {3, 1, 2}};
  const Sampler one(3, options);
  const Sampler other(3, options);
  for (int epoch = 0; epoch < 20; ++epoch) {
    EXPECT_EQ(one.epoch(epoch).row(2), other.epoch(epoch).row(2));
  }
}

TEST(SamplingWeights, OfAFileMustFitTheData) {
  const TempFolder folder;
  const std::string path = folder.path("weights.npy");
  const std::vector<double> values = {1, 2, NAN};
  write_npy(path, Tensor::from<double>(DType::kFloat64, Shape{3}, values));
  const std::vector<std::int64_t> rows = {0, 1};
  EXPECT_EQ(read_sampling_weights(path, 3, rows), (std::vector<double>{1, 2}));
  const std::vector<std::int64_t> with_bad = {0, 2};
  expect_error([&] { read_sampling_weights(path, 3, with_bad); }, ErrorCode::kInvalidData, "row 2",
               "finite");
  expect_error([&] { read_sampling_weights(path, 4, rows); }, ErrorCode::kInvalidData,
               "holds 3 sampling weights", "4 rows");
}

}  // namespace
}  // namespace temper::training
