// Ranks that are threads of this process, for tests and for devices of one process.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/backend/communicator.h"

namespace temper {

struct ThreadRanksOptions {
  // Queues work on a rank's stream; empty: it is done at once, as on the host's streams.
  std::function<void(Stream*, std::function<void()>)> queue;
  // Of all ranks one works at a time, until it waits for the others: for backends whose state is
  // the process's.
  bool one_at_a_time = false;
};

class ThreadRanks {
 public:
  explicit ThreadRanks(int size, ThreadRanksOptions options = {});
  ~ThreadRanks();

  // Calls `body` with each rank's communicator on a thread of its own and waits for all. A rank
  // that throws or returns is lost to those that wait for it. THROWS: what a rank threw first.
  void run(const std::function<void(Communicator&)>& body);
  // How often all ranks came together for a sum.
  std::int64_t reductions() const { return reductions_; }

 private:
  class Member;
  // All ranks call it; the last one does the work for all, with what each posted.
  void meet(int rank, const void* posted, const std::function<void()>& work);
  void take_turn(std::unique_lock<std::mutex>& lock);
  void give_turn();
  void leave(int rank, std::string why);

  const int size_;
  const ThreadRanksOptions options_;
  std::vector<std::unique_ptr<Member>> members_;

  // Under the mutex.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<const void*> posted_;
  int arrived_ = 0;
  std::uint64_t meetings_ = 0;
  bool busy_ = false;   // somebody has the turn
  std::string lost_;    // who is, and why; empty: nobody
  std::string failed_;  // of the last meeting
  std::int64_t reductions_ = 0;
};

}  // namespace temper
