// The order in which rows of different lengths come: batches of rows of one bucket, which are all
// filled up to its length. A function of the seed and the epoch, as the order of rows is.
#pragma once

#include <cstdint>
#include <vector>

#include "training/data/sampler.h"

namespace temper::training {

// The lengths that the rows of a data set are filled up to.
struct Buckets {
  std::vector<std::int64_t> lengths;  // ascending; none: all rows are delivered with one size
  std::vector<std::int32_t> of_row;   // the bucket of each row of the data set
  std::vector<bool> follows;          // by field: whether its ragged axis is filled up so

  bool any() const { return !lengths.empty(); }
};

// The batches of any epoch: whole ones, then what is left, of each bucket.
struct EpochBatches {
  std::int64_t size = 1;            // rows of a whole one
  std::int64_t whole = 0;           // how many there are
  std::vector<std::int64_t> rests;  // rows of each of the others
  std::int64_t limit = 0;           // the epoch ends after so many; 0: none

  std::int64_t count() const;
  // Of the batch that begins behind so many rows.
  std::int64_t index_of(std::int64_t position) const;
  // Of the batches from one on.
  std::int64_t rows(std::int64_t first, std::int64_t count) const;
};

class BucketOrder {
 public:
  // What a batch takes. `first`: its first row's place in the epoch's order.
  struct Part {
    std::int64_t first = 0;
    std::int64_t rows = 0;
    std::int64_t length = 0;  // 0: what the fields say
  };

  // `sampler` and `buckets` outlive this. With buckets, REQUIRES: every row once an epoch.
  BucketOrder(const Sampler& sampler, const Buckets& buckets, std::int64_t batch_size,
              bool drop_last, const SamplerOptions& options);

  void begin(std::int64_t epoch);
  // Of the epoch that was begun.
  std::int64_t row(std::int64_t position) const {
    return rows_.empty() ? order_.row(position) : rows_[static_cast<std::size_t>(position)];
  }
  // The batch that begins behind so many rows of the epoch. REQUIRES: batches().count() > its
  // index.
  Part part_at(std::int64_t position) const;
  const EpochBatches& batches() const { return batches_; }

 private:
  void order_buckets(std::int64_t epoch);

  const Sampler& sampler_;
  const Buckets& buckets_;
  SamplerOptions options_;
  EpochBatches batches_;
  Sampler::Epoch order_;
  std::vector<std::int64_t> rows_;          // of the epoch; empty without buckets
  std::vector<std::int32_t> batch_bucket_;  // of each batch
  std::vector<std::int32_t> rest_bucket_;   // of each of batches_.rests
};

struct BatchForm {
  std::int64_t rows = 0;
  std::int64_t length = 0;
};

// The forms of the batches that so many rows in each bucket give, the largest first.
std::vector<BatchForm> batch_forms(const Buckets& buckets, const std::vector<std::int64_t>& rows,
                                   std::int64_t batch_size, bool drop_last);

// Of so many rows in each bucket.
EpochBatches epoch_batches(const std::vector<std::int64_t>& rows, std::int64_t batch_size,
                           bool drop_last);

// How many of `rows` are in each bucket; without buckets, all of them.
std::vector<std::int64_t> rows_of_buckets(const Buckets& buckets,
                                          const std::vector<std::int64_t>& rows);

}  // namespace temper::training
