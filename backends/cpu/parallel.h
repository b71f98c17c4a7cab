// Threads of the CPU kernels: OpenMP's only, a count fixed per kernel when it is prepared.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

#include "backends/cpu/waits.h"

namespace temper::cpu {

// Below these sizes waking a second thread costs more than it saves. They depend on shapes only, so
// that a plan's bits do not depend on the moment.
inline constexpr double kSmallFlops = 2e6;
inline constexpr std::int64_t kSmallElements = 65536;

inline int team_of(int threads) {
  if (threads > 1) {
    watch_waits(threads);
  }
  return threads;
}
inline int threads_for_flops(int threads, double flops) {
  return flops < kSmallFlops ? 1 : team_of(threads);
}
inline int threads_for_elements(int threads, std::int64_t elements) {
  return elements < kSmallElements ? 1 : team_of(threads);
}

// Sets OpenMP's thread count of the calling thread for the calls of a library, and restores it.
class ThreadCountScope {
 public:
  explicit ThreadCountScope(int threads) : before_(omp_get_max_threads()), threads_(threads) {
    if (threads_ != before_) {
      omp_set_num_threads(threads_);
    }
  }
  ~ThreadCountScope() {
    if (threads_ != before_) {
      omp_set_num_threads(before_);
    }
  }
  ThreadCountScope(const ThreadCountScope&) = delete;
  ThreadCountScope& operator=(const ThreadCountScope&) = delete;

 private:
  int before_;
  int threads_;
};

// Calls f(begin, end) on at most `threads` threads, no more than there are grains, for equal parts
// of [0, count), borders at multiples of `grain`. f must not throw and its result must not depend
// on where the borders lie.
template <class F>
void parallel_ranges(int threads, std::int64_t count, std::int64_t grain, const F& f) {
  const std::int64_t grains = (count + grain - 1) / grain;
  const int used = static_cast<int>(std::min<std::int64_t>(threads, grains));
  if (used <= 1) {
    if (count > 0) {
      f(std::int64_t{0}, count);
    }
    return;
  }
#pragma omp parallel num_threads(used)
  {
    const std::int64_t team = omp_get_num_threads();
    const std::int64_t me = omp_get_thread_num();
    const std::int64_t begin = grains * me / team * grain;
    const std::int64_t end = std::min(count, grains * (me + 1) / team * grain);
    if (begin < end) {
      f(begin, end);
    }
  }
}

}  // namespace temper::cpu
