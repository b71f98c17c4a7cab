// The loader delivers the sampler's order, whole, from any position, and carries errors over.
#include "training/data/batch_loader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <vector>

#include "tests/training/test_files.h"
#include "training/data/arrays/array_dataset.h"

namespace temper::training {
namespace {

// n rows; field `x` of row r is [r, r + 0.5], `target` is 10 * r.
ArrayDataset counting_data(std::int64_t n) {
  std::vector<float> x;
  std::vector<std::int64_t> target;
  for (std::int64_t r = 0; r < n; ++r) {
    x.push_back(static_cast<float>(r));
    x.push_back(static_cast<float>(r) + 0.5f);
    target.push_back(10 * r);
  }
  std::vector<ArrayField> arrays(2);
  arrays[0].field.name = arrays[0].source = "x";
  arrays[0].field.dtype = DType::kFloat32;
  arrays[0].field.row_shape = Shape{2};
  arrays[0].array = Tensor::from<float>(DType::kFloat32, Shape{n, 2}, x);
  arrays[1].field.name = arrays[1].source = "target";
  arrays[1].field.dtype = DType::kInt64;
  arrays[1].field.is_target = true;
  arrays[1].array = Tensor::from<std::int64_t>(DType::kInt64, Shape{n}, target);
  return ArrayDataset(std::move(arrays), "none");
}

// The rows of a batch, after checking that its fields agree on them.
std::vector<std::int64_t> rows_of(const Batch& batch) {
  std::vector<std::int64_t> rows;
  const std::span<const float> x = std::as_const(batch.fields[0]).span<float>();
  const auto target = std::as_const(batch.fields[1]).span<std::int64_t>();
  EXPECT_EQ(batch.fields[0].shape(), (Shape{batch.rows, 2}));
  EXPECT_EQ(batch.fields[1].shape(), (Shape{batch.rows}));
  for (std::size_t i = 0; i < static_cast<std::size_t>(batch.rows); ++i) {
    const auto row = static_cast<std::int64_t>(x[2 * i]);
    EXPECT_EQ(x[2 * i + 1], static_cast<float>(row) + 0.5f);
    EXPECT_EQ(target[i], 10 * row);
    rows.push_back(row);
  }
  return rows;
}

LoaderOptions options_of(std::int64_t batch, bool drop_last, bool single, bool prefetch = true) {
  LoaderOptions options;
  options.batch_size = batch;
  options.drop_last = drop_last;
  options.single_epoch = single;
  options.prefetch = prefetch;
  return options;
}

TEST(BatchLoader, DeliversTheSamplersOrderWithThePartialBatch) {
  const ArrayDataset data = counting_data(10);
  const Sampler sampler(10, {.shuffle = true, .seed = 3});
  for (const bool prefetch : {true, false}) {
    BatchLoader loader(data, sampler, options_of(4, false, false, prefetch));
    EXPECT_EQ(loader.batches_per_epoch(), 3);
    for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
      std::vector<std::int64_t> seen;
      for (const std::int64_t size : {4, 4, 2}) {
        const Batch* batch = loader.next();
        ASSERT_NE(batch, nullptr);
        EXPECT_EQ(batch->rows, size);
        EXPECT_EQ(batch->begin, (DataPosition{epoch, static_cast<std::int64_t>(seen.size())}));
        EXPECT_EQ(batch->last_in_epoch, size == 2);
        const auto rows = rows_of(*batch);
        seen.insert(seen.end(), rows.begin(), rows.end());
      }
      for (std::int64_t i = 0; i < 10; ++i) {
        EXPECT_EQ(seen[static_cast<std::size_t>(i)], sampler.epoch(epoch).row(i));
      }
    }
  }
}

TEST(BatchLoader, DropsTheLastBatchOnlyWhenAsked) {
  const ArrayDataset data = counting_data(10);
  BatchLoader loader(data, Sampler(10, {.shuffle = false}), options_of(4, true, false));
  EXPECT_EQ(loader.batches_per_epoch(), 2);
  EXPECT_EQ(rows_of(*loader.next()), (std::vector<std::int64_t>{0, 1, 2, 3}));
  const Batch* second = loader.next();
  EXPECT_EQ(rows_of(*second), (std::vector<std::int64_t>{4, 5, 6, 7}));
  EXPECT_TRUE(second->last_in_epoch);
  EXPECT_EQ(second->end, (DataPosition{1, 0}));
  EXPECT_EQ(loader.next()->begin, (DataPosition{1, 0}));
}

TEST(BatchLoader, EndsASingleEpochAndCanBeRestarted) {
  const ArrayDataset data = counting_data(5);
  for (const bool prefetch : {true, false}) {
    BatchLoader loader(data, Sampler(5, {.shuffle = false}), options_of(2, false, true, prefetch));
    for (int round = 0; round < 3; ++round) {
      std::int64_t rows = 0;
      while (const Batch* batch = loader.next()) {
        rows += batch->rows;
      }
      EXPECT_EQ(rows, 5);
      EXPECT_EQ(loader.next(), nullptr);
      loader.restart({});
    }
  }
}

TEST(BatchLoader, ResumesInMidEpochWithTheSameBatches) {
  const ArrayDataset data = counting_data(23);
  const Sampler sampler(23, {.shuffle = true, .seed = 8});
  const LoaderOptions options = options_of(5, false, false);
  BatchLoader whole(data, sampler, options);
  std::vector<std::vector<std::int64_t>> batches;
  std::vector<DataPosition> ends;
  for (int i = 0; i < 15; ++i) {
    const Batch* batch = whole.next();
    batches.push_back(rows_of(*batch));
    ends.push_back(batch->end);
  }
  for (std::size_t cut = 0; cut < 14; ++cut) {
    BatchLoader resumed(data, sampler, options, ends[cut]);
    for (std::size_t i = cut + 1; i < 15; ++i) {
      EXPECT_EQ(rows_of(*resumed.next()), batches[i]) << "cut after " << cut;
    }
  }
}

TEST(BatchLoader, GoesOnFromAnyPositionWhenTheBatchSizeChanged) {
  const ArrayDataset data = counting_data(10);
  BatchLoader loader(data, Sampler(10, {.shuffle = false}), options_of(4, false, false), {0, 3});
  EXPECT_EQ(rows_of(*loader.next()), (std::vector<std::int64_t>{3, 4, 5, 6}));
  EXPECT_EQ(rows_of(*loader.next()), (std::vector<std::int64_t>{7, 8, 9}));
  EXPECT_EQ(rows_of(*loader.next()), (std::vector<std::int64_t>{0, 1, 2, 3}));
}

// Counts what was read.
class ObservedData : public ArrayDataset {
 public:
  ObservedData() : ArrayDataset(counting_data(64)) {}
  void read(std::span<const std::int64_t> rows, std::span<Tensor> out) const override {
    ArrayDataset::read(rows, out);
    ++batches;
  }
  mutable std::atomic<int> batches = 0;
};

TEST(BatchLoader, KeepsABatchUntilTheNextCall) {
  const ObservedData data;
  BatchLoader loader(data, Sampler(64, {.shuffle = false}), options_of(4, false, false));
  for (int i = 0; i < 40; ++i) {
    const Batch* batch = loader.next();
    const auto first = rows_of(*batch);
    while (data.batches < i + 2) {  // the other one is filled
      std::this_thread::yield();
    }
    EXPECT_EQ(rows_of(*batch), first);
  }
}

// Takes 2 ms a batch.
class SlowData : public ArrayDataset {
 public:
  SlowData() : ArrayDataset(counting_data(64)) {}
  void read(std::span<const std::int64_t> rows, std::span<Tensor> out) const override {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    ArrayDataset::read(rows, out);
  }
};

TEST(BatchLoader, TellsHowLongBatchesTookAndHowLongTheyWereWaitedFor) {
  for (const bool prefetch : {true, false}) {
    const SlowData data;
    BatchLoader loader(data, Sampler(64, {.shuffle = false}),
                       options_of(4, false, false, prefetch));
    for (int i = 0; i < 10; ++i) {
      loader.next();
    }
    const LoaderTimes times = loader.times();
    EXPECT_GE(times.samples, 40);
    EXPECT_GE(times.gathering, 10 * 0.002);
    EXPECT_GE(times.waiting, 9 * 0.002 * 0.5) << "nothing is done in between";
    EXPECT_LE(times.waiting, times.gathering + 1);
  }
}

// Fails at the third reading.
class FailingData : public ArrayDataset {
 public:
  FailingData() : ArrayDataset(counting_data(12)) {}
  void read(std::span<const std::int64_t> rows, std::span<Tensor> out) const override {
    if (++calls_ == 3) {
      fail(ErrorCode::kInvalidData, "row ", rows[0], " is broken");
    }
    ArrayDataset::read(rows, out);
  }

 private:
  mutable std::atomic<int> calls_ = 0;
};

TEST(BatchLoader, ThrowsWhatTheThreadMetAfterTheBatchesBefore) {
  for (const bool prefetch : {true, false}) {
    const FailingData data;
    BatchLoader loader(data, Sampler(12, {.shuffle = false}),
                       options_of(4, false, false, prefetch));
    EXPECT_EQ(rows_of(*loader.next())[0], 0);
    EXPECT_EQ(rows_of(*loader.next())[0], 4);
    expect_error([&] { loader.next(); }, ErrorCode::kInvalidData, "row 8 is broken");
    loader.restart({0, 8});
    EXPECT_EQ(rows_of(*loader.next())[0], 8);
  }
}

TEST(BatchLoader, RefusesBatchesAndPositionsThatDoNotFit) {
  const ArrayDataset data = counting_data(4);
  const Sampler sampler(4, {});
  expect_error([&] { BatchLoader(data, sampler, options_of(5, false, false)); },
               ErrorCode::kInvalidArgument, "data.batch_size is 5", "only 4 rows");
  expect_error([&] { BatchLoader(data, sampler, options_of(0, false, false)); },
               ErrorCode::kInvalidArgument, "1 or more");
  expect_error([&] { BatchLoader(data, sampler, options_of(2, false, false), {0, 5}); },
               ErrorCode::kInvalidArgument, "position 5");
}

TEST(BatchLoader, CanBeDroppedAtAnyMoment) {
  const ArrayDataset data = counting_data(100);
  for (int i = 0; i < 50; ++i) {
    BatchLoader loader(data, Sampler(100, {}), options_of(3, false, false));
    for (int k = 0; k < i % 5; ++k) {
      loader.next();
    }
  }
}

}  // namespace
}  // namespace temper::training
