// Batches of a data set, gathered ahead of time by one thread into preallocated tensors.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "training/data/bucket_order.h"
#include "training/data/dataset.h"
#include "training/data/sampler.h"
#include "training/data/streams.h"

namespace temper::training {

struct LoaderOptions {
  std::int64_t batch_size = 32;
  // Leaves out the last batch of an epoch when it is smaller than batch_size. Otherwise it is
  // delivered with the rows it has.
  bool drop_last = false;
  // The epoch ends after this many batches; 0: when all rows were delivered.
  std::int64_t limit_batches = 0;
  // After the last batch next() returns null, instead of going on with the next epoch.
  bool single_epoch = false;
  // Rows as Dataset::read_training() gives them, with the random changes of the epoch.
  bool training = false;
  // Rows of different lengths; outlives the loader. Null: all are delivered with one size.
  const Buckets* buckets = nullptr;
  // Fill batches in a thread of their own; without, next() fills them itself (equal results).
  bool prefetch = true;
  // Batches as these have them, instead of `batch_size` rows each in the sampler's order.
  std::optional<Streams> streams = std::nullopt;
  // Of several that train together: only the rows of each batch that are this rank's
  // (RowShare::of). REQUIRES: no streams.
  int rank = 0;
  int ranks = 1;
};

// Where the order of rows stands. `position` counts rows of the epoch that were consumed.
struct DataPosition {
  std::int64_t epoch = 0;
  std::int64_t position = 0;

  friend bool operator==(const DataPosition&, const DataPosition&) = default;
};

struct Batch {
  std::span<Tensor> fields;  // as Dataset::fields(), with `rows` rows
  std::int64_t rows = 0;
  std::int64_t all_rows = 0;                  // of all ranks
  std::int64_t length = 0;                    // of its bucket; 0 without buckets
  std::span<const std::int64_t> row_numbers;  // in the data set
  // With streams: which rows go on where their row of the batch before ended, bool [rows]; else
  // null.
  const Tensor* continues = nullptr;
  DataPosition begin;  // before this batch
  DataPosition end;    // what to resume from when this batch has been used
  bool last_in_epoch = false;
};

// Since the loader was made.
struct LoaderTimes {
  std::int64_t samples = 0;  // gathered
  double gathering = 0;      // seconds that took, by the thread that does it
  double waiting = 0;        // seconds that next() waited for a batch, or gathered it itself
};

// Threading: used by one thread at a time. The loading thread blocks when both buffers are full.
class BatchLoader {
 public:
  // `data` must outlive the loader. THROWS: kInvalidArgument when the batch is larger than the set
  // or the position lies outside it.
  BatchLoader(const Dataset& data, Sampler sampler, LoaderOptions options, DataPosition start = {});
  ~BatchLoader();
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  // The next batch, valid until the next call; null at the end of a single epoch. An error met
  // while loading is thrown here, after the batches before it. Allocates nothing, except where a
  // start position leads to a last batch of a new size.
  const Batch* next();

  // Goes on from another position, for the next evaluation or after an error.
  void restart(DataPosition position);

  LoaderTimes times() const;

  // Batches of a whole epoch.
  std::int64_t batches_per_epoch() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace temper::training
