// The threads block between batches. Chunks are taken in order and each taken one is finished, so
// the first failing row is always among those that were read.
#include "training/data/parallel_dataset.h"

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/platform/threads.h"

namespace temper::training {
namespace {

// Rows begin..begin+count-1 of a plain tensor: the same memory.
Tensor rows_of(Tensor& batch, std::int64_t begin, std::int64_t count) {
  Shape shape{count};
  for (int axis = 1; axis < batch.shape().rank(); ++axis) {
    shape.push_back(batch.shape()[axis]);
  }
  const std::size_t row_bytes =
      static_cast<std::size_t>(batch.shape().count(1, batch.shape().rank())) *
      size_of(batch.dtype());
  const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(batch.data()) -
                                               batch.buffer()->data());
  return Tensor(batch.dtype(), shape, Layout{}, batch.buffer(),
                offset + static_cast<std::size_t>(begin) * row_bytes);
}

}  // namespace

struct ParallelDataset::Pool {
  explicit Pool(int worker_count) : workers(worker_count) {}

  const int workers;
  std::mutex busy;  // held by the call that uses the threads

  // Under the mutex.
  std::mutex mutex;
  std::condition_variable begin;
  std::condition_variable done;
  std::function<void(std::int64_t)> chunk;  // reads one
  std::int64_t chunks = 0;
  std::int64_t next = 0;
  std::int64_t running = 0;
  std::int64_t failed = 0;  // the chunk of `error`
  std::exception_ptr error;
  bool stop = false;
  std::vector<std::thread> threads;

  // Reads chunks until none is left. The lock is held outside of them.
  void take_chunks(std::unique_lock<std::mutex>& lock) {
    while (next < chunks) {
      const std::int64_t mine = next++;
      ++running;
      lock.unlock();
      std::exception_ptr thrown;
      try {
        chunk(mine);
      } catch (...) {
        thrown = std::current_exception();
      }
      lock.lock();
      --running;
      if (thrown != nullptr) {
        if (error == nullptr || mine < failed) {
          error = thrown;
          failed = mine;
        }
        next = chunks;
      }
    }
    if (running == 0) {
      done.notify_all();
    }
  }

  void start() {
    while (static_cast<int>(threads.size()) + 1 < workers) {
      threads.emplace_back([this] {
        set_thread_name("temper-data");
        std::unique_lock lock(mutex);
        while (true) {
          begin.wait(lock, [&] { return stop || next < chunks; });
          if (stop) {
            return;
          }
          take_chunks(lock);
        }
      });
    }
  }

  void run(std::int64_t count, std::function<void(std::int64_t)> read_chunk) {
    start();
    std::unique_lock lock(mutex);
    chunk = std::move(read_chunk);
    next = 0;
    chunks = count;
    error = nullptr;
    begin.notify_all();
    take_chunks(lock);
    done.wait(lock, [&] { return running == 0; });
    chunk = nullptr;
    if (error != nullptr) {
      std::rethrow_exception(std::exchange(error, nullptr));
    }
  }

  void halt() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    begin.notify_all();
    for (std::thread& thread : threads) {
      thread.join();
    }
  }
};

ParallelDataset::ParallelDataset(std::unique_ptr<Dataset> data, int workers)
    : DatasetOver(std::move(data)), pool_(std::make_unique<Pool>(workers)) {
  TEMPER_ASSERT(workers >= 1, workers);
}

ParallelDataset::~ParallelDataset() { pool_->halt(); }

void ParallelDataset::spread(std::span<const std::int64_t> rows, std::span<Tensor> out,
                             const Read& read) const {
  const std::unique_lock busy(pool_->busy, std::try_to_lock);
  const auto count = static_cast<std::int64_t>(rows.size());
  if (count < 2 || pool_->workers < 2 || !busy.owns_lock()) {
    read(rows, out);
    return;
  }
  constexpr std::int64_t kChunksOfEach = 4;  // pictures differ in size
  const std::int64_t size = std::max<std::int64_t>(1, count / (pool_->workers * kChunksOfEach));
  pool_->run((count + size - 1) / size, [&](std::int64_t chunk) {
    const std::int64_t begin = chunk * size;
    const std::int64_t length = std::min(size, count - begin);
    std::vector<Tensor> parts;
    for (Tensor& field : out) {
      parts.push_back(rows_of(field, begin, length));
    }
    read(rows.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(length)), parts);
  });
}

void ParallelDataset::read(std::span<const std::int64_t> rows, std::span<Tensor> out) const {
  spread(rows, out, [&](auto some, auto parts) { below().read(some, parts); });
}

void ParallelDataset::read_training(std::span<const std::int64_t> rows, std::int64_t epoch,
                                    std::span<Tensor> out) const {
  spread(rows, out, [&](auto some, auto parts) { below().read_training(some, epoch, parts); });
}

}  // namespace temper::training
