#include "backends/cpu/waits.h"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <system_error>
#include <vector>

#include "runtime/platform/processor_load.h"

namespace temper::cpu {
namespace {

// For a second on processors. Measured with two threads on two of them: 10 to 65 where nothing else
// runs, 170 and more where something does.
constexpr double kMostPutAside = 110;
constexpr double kLeastCpuShare = 0.2;  // of an interval: less says nothing
constexpr double kLongestHold = 16, kFirstHold = 1;

// The person who runs the process has said how threads wait.
bool waiting_is_set() {
  return std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr;
}

std::atomic<int>& asleep() {
  static std::atomic<int> count{0};
  return count;
}

// Whether the system has so many threads to give: libgomp ends the process where it has not
// (containers limit them). Tried by threads that can fail.
bool can_start(int threads) {
  std::atomic<bool> tried{false};
  std::vector<std::thread> started;
  bool all = true;
  try {
    for (int i = 0; i < threads; ++i) {
      started.emplace_back([&tried] { tried.wait(false); });
    }
  } catch (const std::system_error&) {
    all = false;
  }
  tried = true;
  tried.notify_all();
  for (std::thread& thread : started) {
    thread.join();
  }
  return all;
}

// Threads beyond the processors that the smallest team so far leaves to be made up.
std::atomic<int>& missing_threads() {
  static std::atomic<int> missing{0};
  return missing;
}

void watch() {
  using Clock = std::chrono::steady_clock;
  constexpr double kShort = 0.2, kLong = 2;
  WaitPolicy policy;
  std::unique_ptr<ShortWaits> held;
  ProcessUsage before = process_usage();
  auto then = Clock::now();
  for (double pause = kShort;;) {
    std::this_thread::sleep_for(std::chrono::duration<double>(pause));
    const ProcessUsage now = process_usage();
    const auto time = Clock::now();
    const double seconds = std::chrono::duration<double>(time - then).count();
    const double cpu = now.seconds - before.seconds;
    const bool is_short = policy.observe(seconds, cpu, now.put_aside - before.put_aside);
    if (is_short != (held != nullptr)) {
      held = is_short ? std::make_unique<ShortWaits>(missing_threads().load()) : nullptr;
    }
    pause = cpu < kLeastCpuShare * seconds ? std::min(2 * pause, kLong) : kShort;
    before = now;
    then = time;
  }
}

}  // namespace

bool WaitPolicy::observe(double seconds, double cpu_seconds, double times_put_aside) {
  in_state_ += seconds;
  if (cpu_seconds < kLeastCpuShare * seconds) {
    return short_;
  }
  if (times_put_aside > kMostPutAside * cpu_seconds) {
    if (!short_) {  // tried too early: longer next time
      hold_ = in_state_ < 2 * kFirstHold ? std::min(2 * hold_, kLongestHold) : kFirstHold;
      in_state_ = 0;
    }
    short_ = true;
  } else if (short_ && in_state_ >= hold_) {
    short_ = false;
    in_state_ = 0;
  }
  return short_;
}

ShortWaits::ShortWaits(int threads) {
  if (threads <= 0 || !can_start(threads + 1)) {
    return;
  }
  try {
    team_ = std::thread([this, threads] {
#pragma omp parallel num_threads(threads + 1)
      {
        // Something to do: the compiler leaves out an empty team.
        if (omp_get_thread_num() > 0) {
          asleep().fetch_add(1);
        }
      }
      over_.wait(false);
      asleep().fetch_sub(threads);  // they end with the thread that started them
    });
  } catch (const std::system_error&) {
    // As when they were tried.
  }
}

ShortWaits::~ShortWaits() {
  over_ = true;
  over_.notify_all();
  if (team_.joinable()) {
    team_.join();
  }
}

int ShortWaits::sleeping() { return asleep().load(); }

void watch_waits(int threads) {
  static std::once_flag started;
  int missing = omp_get_num_procs() + 1 - threads;
  for (int known = missing_threads().load();
       known < missing && !missing_threads().compare_exchange_weak(known, missing);) {
  }
  std::call_once(started, [] {
    if (waiting_is_set()) {
      return;
    }
    try {
      std::thread(watch).detach();  // for the rest of the process; it holds nothing of it
    } catch (const std::system_error&) {
      // No thread to be had: waits stay as libgomp has them.
    }
  });
}

}  // namespace temper::cpu
