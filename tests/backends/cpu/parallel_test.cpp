// Teams of the CPU kernels: who gets which part, and that libgomp is told of more threads than
// there are processors, which keeps its waits short.
#include "backends/cpu/parallel.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
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

TEST(Parallel, ATeamMakesTheWaitsShort) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) {
    GTEST_SKIP() << "the environment says how threads wait";
  }
  EXPECT_EQ(threads_for_flops(2, kSmallFlops), 2);
  // With the two of the team more than there are processors; each starts whenever it gets to run.
  while (sleeping_threads() < omp_get_num_procs() - 1) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_GT(threads_of_process(), sleeping_threads());
}

}  // namespace
}  // namespace temper::cpu
