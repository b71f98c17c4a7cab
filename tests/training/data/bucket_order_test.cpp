// Rows of different lengths as batches: every row once an epoch, each batch of one bucket, by the
// seed and the epoch; and which lengths are chosen.
#include "training/data/bucket_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "runtime/base/error.h"
#include "tests/training/test_files.h"
#include "training/data/bucket_choice.h"

namespace temper::training {
namespace {

using Lengths = std::vector<std::int64_t>;

constexpr std::int64_t kRows = 23;

Buckets three_buckets() {
  Buckets buckets;
  buckets.lengths = {4, 8, 16};
  for (std::int64_t row = 0; row < kRows; ++row) {
    buckets.of_row.push_back(static_cast<std::int32_t>(row % 5 == 0 ? 2 : row % 2));
  }
  return buckets;
}

// Rows of each batch of an epoch; every batch is checked to be of one bucket.
std::vector<Lengths> batches_of(BucketOrder& order, const Buckets& buckets, std::int64_t epoch) {
  order.begin(epoch);
  std::vector<Lengths> batches;
  std::int64_t position = 0;
  for (std::int64_t i = 0; i < order.batches().count(); ++i) {
    EXPECT_EQ(order.batches().index_of(position), i);
    const BucketOrder::Part part = order.part_at(position);
    batches.emplace_back();
    for (std::int64_t at = 0; at < part.rows; ++at) {
      const std::int64_t row = order.row(part.first + at);
      batches.back().push_back(row);
      const auto bucket = static_cast<std::size_t>(buckets.of_row[static_cast<std::size_t>(row)]);
      EXPECT_EQ(buckets.lengths[bucket], part.length);
    }
    position += part.rows;
  }
  EXPECT_EQ(position, order.batches().rows(0, order.batches().count()));
  return batches;
}

TEST(BucketOrder, HasEveryRowOnceAndAnotherOrderEachEpoch) {
  const Buckets buckets = three_buckets();
  const SamplerOptions options{true, 7};
  const Sampler sampler(kRows, options);
  BucketOrder order(sampler, buckets, 4, false, options);
  const std::vector<Lengths> first = batches_of(order, buckets, 0);
  std::multiset<std::int64_t> rows;
  for (const Lengths& batch : first) {
    rows.insert(batch.begin(), batch.end());
  }
  EXPECT_EQ(rows.size(), static_cast<std::size_t>(kRows));
  EXPECT_EQ(std::set<std::int64_t>(rows.begin(), rows.end()).size(), rows.size());
  const std::vector<Lengths> second = batches_of(order, buckets, 1);
  EXPECT_NE(first, second);
  EXPECT_EQ(first.size(), second.size());
  BucketOrder again(sampler, buckets, 4, false, options);
  EXPECT_EQ(batches_of(again, buckets, 1), second);
}

TEST(BucketOrder, GivesWholeBatchesThenTheRestOfEachBucket) {
  const Buckets buckets = three_buckets();
  const SamplerOptions options{false, 0};
  const Sampler sampler(kRows, options);
  BucketOrder order(sampler, buckets, 4, false, options);
  EXPECT_EQ(batches_of(order, buckets, 0), (std::vector<Lengths>{{2, 4, 6, 8},
                                                                 {12, 14, 16, 18},
                                                                 {1, 3, 7, 9},
                                                                 {11, 13, 17, 19},
                                                                 {0, 5, 10, 15},
                                                                 {22},
                                                                 {21},
                                                                 {20}}));
  BucketOrder dropped(sampler, buckets, 4, true, options);
  EXPECT_EQ(dropped.batches().count(), 5);
}

TEST(BucketChoice, FillsUpAsLittleAsSoManyBucketsCan) {
  const Lengths lengths = {1, 1, 2, 3, 10, 11, 12, 30};
  DataSettings settings;
  settings.buckets.count = 3;
  EXPECT_EQ(choose_buckets(lengths, settings), (Lengths{3, 12, 30}));
  settings.buckets.count = 1;
  EXPECT_EQ(choose_buckets(lengths, settings), Lengths{30});
  settings.buckets = {0, {32, 8, 16}};
  EXPECT_EQ(choose_buckets(lengths, settings), (Lengths{8, 16, 32}));
  const BucketUse use = use_of(Lengths{8, 16, 32}, lengths);
  EXPECT_EQ(use.rows, (Lengths{4, 3, 1}));
  EXPECT_EQ(use.there, 70);
  EXPECT_EQ(use.filled, 4 * 8 + 3 * 16 + 32 - 70);
  settings.buckets.lengths = {8, 16};
  expect_error([&] { choose_buckets(lengths, settings); }, ErrorCode::kInvalidArgument,
               "the longest sample has 30", "data.max_length = 16");
}

TEST(BucketChoice, TakesByItselfAsFewAsKeepTheFillingLow) {
  EXPECT_EQ(choose_buckets(Lengths{95, 96, 97, 100}, {}), Lengths{100});
  const Lengths two = choose_buckets(Lengths{10, 10, 10, 99, 100}, {});
  EXPECT_EQ(two, (Lengths{10, 100}));
}

}  // namespace
}  // namespace temper::training
