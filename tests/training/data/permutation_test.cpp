// The keyed permutation, the sampler and splits.
#include "training/data/permutation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "tests/training/test_files.h"
#include "training/data/sampler.h"
#include "training/data/split.h"

namespace temper::training {
namespace {

std::vector<std::int64_t> all_of(const KeyedPermutation& order) {
  std::vector<std::int64_t> values;
  for (std::int64_t i = 0; i < order.count(); ++i) {
    values.push_back(order(i));
  }
  return values;
}

bool is_bijection(std::vector<std::int64_t> values) {
  std::sort(values.begin(), values.end());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] != static_cast<std::int64_t>(i)) {
      return false;
    }
  }
  return true;
}

TEST(KeyedPermutation, IsABijectionForEverySize) {
  for (std::int64_t n = 1; n <= 200; ++n) {
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      EXPECT_TRUE(is_bijection(all_of(KeyedPermutation(n, seed, 5)))) << n;
    }
  }
  for (const std::int64_t n : {1023, 1024, 1025, 60000}) {
    EXPECT_TRUE(is_bijection(all_of(KeyedPermutation(n, 1, 1)))) << n;
  }
}

TEST(KeyedPermutation, DiffersByEpochAndSeed) {
  for (const std::int64_t n : {10, 200, 1797}) {
    std::set<std::vector<std::int64_t>> orders;
    for (std::uint64_t k = 0; k < 20; ++k) {
      orders.insert(all_of(KeyedPermutation(n, 7, k)));
      orders.insert(all_of(KeyedPermutation(n, 100 + k, 0)));
    }
    EXPECT_EQ(orders.size(), 40u) << n;
  }
}

TEST(KeyedPermutation, ReachesEveryOrderOfAFewElements) {
  std::set<std::vector<std::int64_t>> orders;
  for (std::uint64_t epoch = 0; epoch < 400; ++epoch) {
    orders.insert(all_of(KeyedPermutation(4, 3, epoch)));
  }
  EXPECT_EQ(orders.size(), 24u);
}

TEST(KeyedPermutation, PutsEveryElementEverywhereEquallyOften) {
  constexpr int kCount = 10;
  constexpr int kRuns = 4000;
  int seen[kCount][kCount] = {};
  for (std::uint64_t epoch = 0; epoch < kRuns; ++epoch) {
    const KeyedPermutation order(kCount, 11, epoch);
    for (int i = 0; i < kCount; ++i) {
      ++seen[i][order(i)];
    }
  }
  // Each count is binomial with mean 400 and deviation 19; 6 deviations never happen by chance.
  for (const auto& row : seen) {
    for (const int count : row) {
      EXPECT_NEAR(count, kRuns / kCount, 6 * 19);
    }
  }
}

TEST(Sampler, GivesRowsInOrderWithoutShuffling) {
  const Sampler sampler({4, 8, 15}, {.shuffle = false, .seed = 0});
  EXPECT_EQ(sampler.epoch(3).row(0), 4);
  EXPECT_EQ(sampler.epoch(3).row(2), 15);
}

TEST(Sampler, ShufflesOnlyItsOwnRows) {
  const std::vector<std::int64_t> rows = {2, 3, 5, 7, 11, 13};
  const Sampler sampler(rows, {.shuffle = true, .seed = 1});
  std::vector<std::int64_t> seen;
  for (std::int64_t i = 0; i < sampler.count(); ++i) {
    seen.push_back(sampler.epoch(2).row(i));
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, rows);
}

TEST(Split, TakesTheFractionAndLosesNoRow) {
  const Split split = split_rows(1797, 0.2, 5);
  EXPECT_EQ(split.val.size(), 359u);  // round(359.4)
  std::vector<std::int64_t> all = split.train;
  all.insert(all.end(), split.val.begin(), split.val.end());
  EXPECT_TRUE(is_bijection(all));
  EXPECT_EQ(split_rows(1797, 0.2, 5).val, split.val);
  EXPECT_NE(split_rows(1797, 0.2, 6).val, split.val);
  EXPECT_EQ(split_rows(2, 0.01, 0).val.size(), 1u);
  EXPECT_EQ(split_rows(2, 0.99, 0).train.size(), 1u);
}

TEST(Split, KeepsTheShareOfEachLabel) {
  std::vector<std::int64_t> labels;
  const std::vector<std::int64_t> counts = {50, 23, 7, 1};
  for (std::size_t label = 0; label < counts.size(); ++label) {
    labels.insert(labels.end(), static_cast<std::size_t>(counts[label]),
                  static_cast<std::int64_t>(label));
  }
  const Split split = split_rows_stratified(labels, 0.25, 9);
  EXPECT_EQ(split.val.size(), 20u);  // round(0.25 * 81)
  std::vector<std::int64_t> taken(counts.size());
  for (const std::int64_t row : split.val) {
    ++taken[static_cast<std::size_t>(labels[static_cast<std::size_t>(row)])];
  }
  for (std::size_t label = 0; label < counts.size(); ++label) {
    EXPECT_LE(
        std::fabs(static_cast<double>(taken[label]) - 0.25 * static_cast<double>(counts[label])),
        1.0);
  }
  EXPECT_EQ(taken[3], 0);
  std::vector<std::int64_t> all = split.train;
  all.insert(all.end(), split.val.begin(), split.val.end());
  EXPECT_TRUE(is_bijection(all));
}

TEST(Split, RefusesFractionsOutsideZeroToOne) {
  for (const double fraction : {0.0, 1.0, -0.2, 1.5, std::nan("")}) {
    expect_error([&] { split_rows(10, fraction, 0); }, ErrorCode::kInvalidArgument, "val_split");
  }
  expect_error([] { split_rows(1, 0.5, 0); }, ErrorCode::kInvalidArgument, "cannot be split");
}

}  // namespace
}  // namespace temper::training
