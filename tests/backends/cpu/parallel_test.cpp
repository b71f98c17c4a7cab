// Teams of the CPU kernels: who gets which part, and how long their threads wait for each other.
#include "backends/cpu/parallel.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <mutex>
#include <set>
#include <thread>

namespace temper::cpu {
namespace {

std::ptrdiff_t threads_of_process() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

TEST(Parallel, RangesAreCutAtGrainsAndStartNoThreadWithoutOne) {
  for (const std::int64_t count : {0, 1, 63, 64, 65, 129, 1000}) {
    std::mutex mutex;
    std::set<std::pair<std::int64_t, std::int64_t>> parts;
    int team = 1;
    parallel_ranges(4, count, 64, [&](std::int64_t begin, std::int64_t end) {
      const std::lock_guard<std::mutex> lock(mutex);
      parts.emplace(begin, end);
      team = omp_get_num_threads();
    });
    std::int64_t next = 0;
    for (const auto& [begin, end] : parts) {
      EXPECT_EQ(begin, next);
      EXPECT_EQ(begin % 64, 0);
      next = end;
    }
    EXPECT_EQ(next, count);
    EXPECT_LE(team, std::max<std::int64_t>(1, (count + 63) / 64));
  }
}

TEST(Parallel, SmallWorkKeepsToOneThread) {
  EXPECT_EQ(threads_for_flops(8, kSmallFlops - 1), 1);
  EXPECT_EQ(threads_for_flops(8, kSmallFlops), 8);
  EXPECT_EQ(threads_for_elements(8, kSmallElements - 1), 1);
  EXPECT_EQ(threads_for_elements(8, kSmallElements), 8);
}

TEST(ShortWaits, LibgompKnowsOfThreadsThatSleepWhileTheyAreWanted) {
  const int before = ShortWaits::sleeping();
  {
    const ShortWaits waits(3);
    while (ShortWaits::sleeping() < before + 3) {  // each starts whenever it gets to run
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_GT(threads_of_process(), 3);
  }
  EXPECT_EQ(ShortWaits::sleeping(), before);
}

TEST(WaitPolicy, WaitsAreShortWhileOthersPutTheProcessAside) {
  WaitPolicy policy;
  const auto alone = [&] { return policy.observe(0.1, 0.2, 5); };
  const auto busy = [&] { return policy.observe(0.1, 0.15, 30); };
  EXPECT_FALSE(alone());
  EXPECT_TRUE(busy());
  // What hardly computes says nothing, and the state stays.
  EXPECT_TRUE(policy.observe(2, 0.01, 0));
  // Long waits are tried again after a while.
  int intervals = 0;
  EXPECT_FALSE([&] {
    while (intervals < 1000 && alone()) {
      ++intervals;
    }
    return intervals == 1000;
  }());
  // And ever later, where each time others come back at once.
  int last = 0;
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(busy());
    for (intervals = 0; intervals < 1000 && alone();) {
      ++intervals;
    }
    EXPECT_GT(intervals, last);
    last = intervals;
  }
  EXPECT_LT(last, 1000);
}

}  // namespace
}  // namespace temper::cpu
