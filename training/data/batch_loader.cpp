// The prefetch thread and its two buffers.
#include "training/data/batch_loader.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/base/row_share.h"
#include "runtime/platform/clock.h"
#include "training/data/batch_tensors.h"

namespace temper::training {
namespace {

const Buckets kNone;

struct Slot {
  std::vector<Tensor> full;  // as many rows as a whole batch has here
  // The same memory with fewer or shorter rows, by their number and length.
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<Tensor>> parts;
  std::vector<std::int64_t> rows;
  Tensor continues;  // with streams
  Batch batch;
};

}  // namespace

struct BatchLoader::State {
  State(const Dataset& the_data, Sampler the_sampler, LoaderOptions the_options)
      : data(the_data),
        sampler(std::move(the_sampler)),
        options(std::move(the_options)),
        buckets(options.buckets == nullptr ? kNone : *options.buckets),
        order(sampler, buckets, std::max<std::int64_t>(options.batch_size, 1), options.drop_last,
              sampler.options()),
        batches(order.batches()) {
    batches.limit = options.limit_batches;
  }

  const Dataset& data;
  const Sampler sampler;
  const LoaderOptions options;
  const Buckets& buckets;

  // Used by whoever fills: the thread, or next() without one.
  BucketOrder order;
  EpochBatches batches;
  DataPosition cursor;

  // Under the mutex.
  std::mutex mutex;
  std::condition_variable changed;
  int filled = 0;       // slots ready to be taken, from `head` on
  int head = 0;         // the slot that next() takes
  bool in_use = false;  // the slot before head belongs to the caller
  bool stop = false;
  bool exhausted = false;
  std::exception_ptr error;
  LoaderTimes times;

  std::array<Slot, 2> slots;
  std::thread thread;

  RowShare share_of(std::int64_t rows) const {
    return RowShare::of(rows, options.rank, options.ranks);
  }

  // Fields that differ in length have as much of the memory as the batch takes.
  std::vector<Tensor>& part(Slot& slot, std::int64_t rows, std::int64_t length) {
    if (rows == share_of(options.batch_size).rows && length == 0) {
      return slot.full;
    }
    const auto [found, is_new] = slot.parts.try_emplace({rows, length});
    for (std::size_t f = 0; f < slot.full.size() && is_new; ++f) {
      const bool follows = length > 0 && buckets.follows[f];
      found->second.emplace_back(slot.full[f].dtype(),
                                 batch_shape(data.fields()[f], rows, follows ? length : 0),
                                 Layout{}, slot.full[f].buffer());
    }
    return found->second;
  }

  void allocate() {
    // The second is filled while the first is read.
    const auto used = std::span(slots).first(options.prefetch ? std::size(slots) : 1);
    for (Slot& slot : used) {
      for (const Field& field : data.fields()) {
        slot.full.emplace_back(field.dtype, batch_shape(field, share_of(options.batch_size).rows),
                               Layout{}, "a batch of data");
      }
      slot.rows.reserve(static_cast<std::size_t>(options.batch_size));
      if (options.streams.has_value()) {
        slot.continues = Tensor(DType::kBool, {options.batch_size});
      }
      for (const std::int64_t rest : batches.rests) {
        if (!buckets.any()) {
          part(slot, share_of(rest).rows, 0);
        }
      }
    }
  }

  // Without buckets an epoch may begin anywhere.
  bool epoch_ends(std::int64_t position) const {
    if (buckets.any()) {
      return batches.index_of(position) >= batches.count();
    }
    const std::int64_t left = sampler.count() - position;
    const std::int64_t limit = options.limit_batches;
    const std::int64_t enough =
        options.streams.has_value() ? options.streams->begin_of(limit) : limit * options.batch_size;
    if (limit > 0 && position >= enough) {
      return true;
    }
    return left <= 0 || (options.drop_last && left < options.batch_size);
  }

  void tell_continues(Slot& slot) {
    const auto rows = static_cast<std::int64_t>(slot.rows.size());
    if (slot.continues.shape()[0] != rows) {
      slot.continues = Tensor(DType::kBool, {rows});
    }
    const std::span<bool> flags = slot.continues.span<bool>();
    for (std::int64_t i = 0; i < rows; ++i) {
      flags[static_cast<std::size_t>(i)] = options.streams->continues(cursor.position + i);
    }
    slot.batch.continues = &slot.continues;
  }

  // Gathers the next batch. False when the single epoch is over.
  bool fill(Slot& slot) {
    if (epoch_ends(cursor.position)) {
      if (options.single_epoch) {
        return false;
      }
      cursor = {cursor.epoch + 1, 0};
      order.begin(cursor.epoch);
    }
    const auto [first, rows, length] =
        options.streams.has_value()
            ? BucketOrder::Part{cursor.position, options.streams->rows_at(cursor.position), 0}
            : order.part_at(cursor.position);
    const RowShare share = share_of(rows);
    TEMPER_CHECK(share.rows > 0, ErrorCode::kInvalidArgument, "a batch of ", rows,
                 " rows is to be shared by ", options.ranks,
                 " ranks, each of which needs one: write data.drop_last = true, or another "
                 "data.batch_size");
    slot.rows.clear();
    for (std::int64_t i = 0; i < share.rows; ++i) {
      slot.rows.push_back(order.row(first + share.first + i));
    }
    std::vector<Tensor>& fields = part(slot, share.rows, length);
    if (options.training) {
      data.read_training(slot.rows, cursor.epoch, fields);
    } else {
      data.read(slot.rows, fields);
    }
    Batch& batch = slot.batch;
    batch.fields = fields;
    batch.rows = share.rows;
    batch.all_rows = rows;
    batch.length = length;
    batch.row_numbers = slot.rows;
    if (options.streams.has_value()) {
      tell_continues(slot);
    }
    batch.begin = cursor;
    cursor.position += rows;
    batch.end = cursor;
    batch.last_in_epoch = epoch_ends(cursor.position);
    if (batch.last_in_epoch && !options.single_epoch) {
      batch.end = {cursor.epoch + 1, 0};
    }
    return true;
  }

  void count(const Slot& slot, double seconds) {
    times.samples += slot.batch.rows;
    times.gathering += seconds;
  }

  // Fills slots until told to stop, the epoch is over or something is thrown.
  void run() {
    int tail = 0;
    while (true) {
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return stop || filled + (in_use ? 1 : 0) < 2; });
        if (stop) {
          return;
        }
      }
      bool more = false;
      const double began = steady_seconds();
      std::exception_ptr thrown;
      try {
        more = fill(slots[static_cast<std::size_t>(tail)]);
      } catch (...) {
        thrown = std::current_exception();
      }
      {
        const std::lock_guard lock(mutex);
        error = thrown;
        exhausted = !more && thrown == nullptr;
        filled += more ? 1 : 0;
        if (more) {
          count(slots[static_cast<std::size_t>(tail)], steady_seconds() - began);
        }
      }
      changed.notify_all();
      if (!more) {
        return;
      }
      tail = 1 - tail;
    }
  }

  void halt() {
    if (thread.joinable()) {
      {
        const std::lock_guard lock(mutex);
        stop = true;
      }
      changed.notify_all();
      thread.join();
    }
  }

  void start(DataPosition position) {
    halt();
    TEMPER_CHECK(
        position.epoch >= 0 && position.position >= 0 && position.position <= sampler.count(),
        ErrorCode::kInvalidArgument, "the data position ", position.position, " of epoch ",
        position.epoch, " lies outside the set of ", sampler.count(),
        " rows. Is this another data set than the checkpoint's?");
    cursor = position;
    order.begin(position.epoch);
    filled = 0;
    head = 0;
    in_use = stop = exhausted = false;
    error = nullptr;
    if (options.prefetch) {
      thread = std::thread([this] { run(); });
    }
  }
};

BatchLoader::BatchLoader(const Dataset& data, Sampler sampler, LoaderOptions options,
                         DataPosition start)
    : state_(std::make_unique<State>(data, std::move(sampler), options)) {
  TEMPER_CHECK(options.batch_size >= 1, ErrorCode::kInvalidArgument, "data.batch_size is ",
               options.batch_size, "; expected 1 or more");
  TEMPER_CHECK(options.batch_size <= state_->sampler.count(), ErrorCode::kInvalidArgument,
               "data.batch_size is ", options.batch_size, ", but the set has only ",
               state_->sampler.count(), " rows; write data.batch_size = ", state_->sampler.count());
  state_->allocate();
  state_->start(start);
}

BatchLoader::~BatchLoader() { state_->halt(); }

const Batch* BatchLoader::next() {
  State& s = *state_;
  if (!s.options.prefetch) {
    Slot& slot = s.slots[0];
    const double began = steady_seconds();
    if (!s.fill(slot)) {
      return nullptr;
    }
    const double seconds = steady_seconds() - began;
    s.count(slot, seconds);
    s.times.waiting += seconds;
    return &slot.batch;
  }
  std::unique_lock lock(s.mutex);
  s.in_use = false;
  s.changed.notify_all();
  const double began = steady_seconds();
  s.changed.wait(lock, [&] { return s.filled > 0 || s.exhausted || s.error != nullptr; });
  s.times.waiting += steady_seconds() - began;
  if (s.filled > 0) {
    Slot& slot = s.slots[static_cast<std::size_t>(s.head)];
    s.head = 1 - s.head;
    --s.filled;
    s.in_use = true;
    return &slot.batch;
  }
  if (s.error != nullptr) {
    std::rethrow_exception(s.error);
  }
  return nullptr;
}

LoaderTimes BatchLoader::times() const {
  const std::lock_guard lock(state_->mutex);
  return state_->times;
}

void BatchLoader::restart(DataPosition position) { state_->start(position); }

std::int64_t BatchLoader::batches_per_epoch() const {
  const std::optional<Streams>& streams = state_->options.streams;
  const std::int64_t limit = state_->options.limit_batches;
  if (!streams) {
    return state_->batches.count();
  }
  return limit > 0 ? std::min(limit, streams->batches()) : streams->batches();
}

}  // namespace temper::training
