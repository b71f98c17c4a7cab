#include "runtime/backend/thread_ranks.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <thread>
#include <utility>

#include "runtime/base/error.h"

namespace temper {
namespace {

using Part = Communicator::Part;
using Parts = std::vector<Part>;

// In the order of the ranks, element by element: what one of them is written to, all have read.
template <class T>
void sum_part(const std::vector<const Parts*>& ranks, std::size_t which) {
  for (std::int64_t i = 0; i < (*ranks[0])[which].count; ++i) {
    T sum = static_cast<const T*>((*ranks[0])[which].from)[i];
    for (std::size_t r = 1; r < ranks.size(); ++r) {
      sum = sum + static_cast<const T*>((*ranks[r])[which].from)[i];
    }
    for (const Parts* parts : ranks) {
      static_cast<T*>((*parts)[which].to)[i] = sum;
    }
  }
}

std::string text_of(const Parts& parts) {
  std::vector<std::string> texts;
  for (const Part& part : parts) {
    texts.push_back(concat(part.count, " ", part.dtype));
  }
  return join(texts, ", ");
}

void sum(const std::vector<const Parts*>& ranks) {
  const std::string wanted = text_of(*ranks[0]);
  for (std::size_t r = 1; r < ranks.size(); ++r) {
    const std::string own = text_of(*ranks[r]);
    TEMPER_CHECK(own == wanted, ErrorCode::kDistributed, "rank ", r, " sums ", own,
                 ", but rank 0 sums ", wanted);
  }
  for (std::size_t i = 0; i < ranks[0]->size(); ++i) {
    switch ((*ranks[0])[i].dtype) {
      case DType::kFloat32:
        sum_part<float>(ranks, i);
        break;
      case DType::kFloat64:
        sum_part<double>(ranks, i);
        break;
      case DType::kInt64:
        sum_part<std::int64_t>(ranks, i);
        break;
      default:
        fail(ErrorCode::kUnsupported, "ranks sum f32, f64 and i64, not ", (*ranks[0])[i].dtype);
    }
  }
}

}  // namespace

class ThreadRanks::Member final : public Communicator {
 public:
  Member(ThreadRanks& ranks, int rank) : ranks_(ranks), rank_(rank) {}

  int rank() const override { return rank_; }
  int size() const override { return ranks_.size_; }

  void all_reduce(std::span<const Part> parts, Stream* stream) override {
    const auto work = [this, own = Parts(parts.begin(), parts.end())] {
      ranks_.meet(rank_, &own, [this] {
        std::vector<const Parts*> all;
        for (const void* each : ranks_.posted_) {
          all.push_back(static_cast<const Parts*>(each));
        }
        sum(all);
        ++ranks_.reductions_;
      });
    };
    if (ranks_.options_.queue) {
      ranks_.options_.queue(stream, work);
    } else {
      work();
    }
  }

  std::vector<std::uint64_t> gather(std::uint64_t value) override {
    std::vector<std::uint64_t> all(static_cast<std::size_t>(size()));
    Exchange own{value, &all, {}};
    ranks_.meet(rank_, &own, [this] {
      for (const void* to : ranks_.posted_) {
        for (std::size_t r = 0; r < ranks_.posted_.size(); ++r) {
          (*exchange(to).all)[r] = exchange(ranks_.posted_[r]).value;
        }
      }
    });
    return all;
  }

  void broadcast(std::span<std::byte> bytes) override {
    Exchange own{bytes.size(), nullptr, bytes};
    ranks_.meet(rank_, &own, [this] {
      const std::span<std::byte> from = exchange(ranks_.posted_[0]).bytes;
      for (const void* to : ranks_.posted_) {
        TEMPER_CHECK(exchange(to).bytes.size() == from.size(), ErrorCode::kDistributed,
                     "a rank waits for ", exchange(to).bytes.size(), " bytes, rank 0 gives ",
                     from.size());
        if (exchange(to).bytes.data() != from.data() && !from.empty()) {
          std::memcpy(exchange(to).bytes.data(), from.data(), from.size());
        }
      }
    });
  }

 private:
  struct Exchange {
    std::uint64_t value = 0;
    std::vector<std::uint64_t>* all = nullptr;
    std::span<std::byte> bytes;
  };
  static const Exchange& exchange(const void* posted) {
    return *static_cast<const Exchange*>(posted);
  }

  ThreadRanks& ranks_;
  const int rank_;
};

ThreadRanks::ThreadRanks(int size, ThreadRanksOptions options)
    : size_(size), options_(std::move(options)), posted_(static_cast<std::size_t>(size)) {
  for (int rank = 0; rank < size; ++rank) {
    members_.push_back(std::make_unique<Member>(*this, rank));
  }
}

ThreadRanks::~ThreadRanks() = default;

void ThreadRanks::take_turn(std::unique_lock<std::mutex>& lock) {
  if (options_.one_at_a_time) {
    changed_.wait(lock, [&] { return !busy_; });
    busy_ = true;
  }
}

void ThreadRanks::give_turn() {
  busy_ = false;
  changed_.notify_all();
}

void ThreadRanks::meet(int rank, const void* posted, const std::function<void()>& work) {
  std::unique_lock lock(mutex_);
  const auto check_lost = [&] {
    TEMPER_CHECK(lost_.empty(), ErrorCode::kDistributed, "rank ", rank, " waits for ", lost_);
  };
  check_lost();
  posted_[static_cast<std::size_t>(rank)] = posted;
  const std::uint64_t meeting = meetings_;
  if (++arrived_ == size_) {
    arrived_ = 0;
    failed_.clear();
    try {
      work();
    } catch (const Error& error) {
      failed_ = error.message();
    }
    ++meetings_;
    changed_.notify_all();
  } else {
    give_turn();
    changed_.wait(lock, [&] { return meetings_ != meeting || !lost_.empty(); });
    const bool met = meetings_ != meeting;
    const std::string failed = failed_;
    take_turn(lock);
    if (!met) {
      check_lost();
    }
    TEMPER_CHECK(failed.empty(), ErrorCode::kDistributed, failed);
    return;
  }
  TEMPER_CHECK(failed_.empty(), ErrorCode::kDistributed, failed_);
}

void ThreadRanks::leave(int rank, std::string why) {
  const std::lock_guard lock(mutex_);
  if (lost_.empty()) {
    lost_ = concat("rank ", rank, ", which ", why);
  }
  give_turn();
}

void ThreadRanks::run(const std::function<void(Communicator&)>& body) {
  std::exception_ptr first;
  std::mutex first_mutex;
  lost_.clear();
  arrived_ = 0;
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size_; ++rank) {
    threads.emplace_back([&, rank] {
      {
        std::unique_lock lock(mutex_);
        take_turn(lock);
      }
      std::string why = "has ended";
      try {
        body(*members_[static_cast<std::size_t>(rank)]);
      } catch (const Error& error) {
        why = concat("failed: ", error.message());
        const std::lock_guard lock(first_mutex);
        first = first == nullptr ? std::current_exception() : first;
      } catch (...) {
        why = "failed";
        const std::lock_guard lock(first_mutex);
        first = first == nullptr ? std::current_exception() : first;
      }
      leave(rank, std::move(why));
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  if (first != nullptr) {
    std::rethrow_exception(first);
  }
}

}  // namespace temper
