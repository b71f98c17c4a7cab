#include "backends/cpu/parallel.h"

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace temper::cpu {
namespace {

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

// A thread that starts a team of `members` and then sleeps for the rest of the process. Never
// joined: what it waits for has no destructor, so it may outlive everything. Where there are not
// that many threads to be had, waits stay long, and nothing else changes.
void keep_team(int members) {
  static std::atomic<bool> never{false};
  if (!can_start(members)) {
    return;
  }
  try {
    std::thread([members] {
#pragma omp parallel num_threads(members)
      {
        // Something to do: the compiler leaves out an empty team.
        if (omp_get_thread_num() > 0) {
          asleep().fetch_add(1);
        }
      }
      never.wait(false);
    }).detach();
  } catch (const std::system_error&) {
    // As when they were tried.
  }
}

}  // namespace

void keep_waits_short(int threads) {
  static std::mutex mutex;
  static int held = 0;  // members of the teams beyond each one's first
  const std::lock_guard<std::mutex> lock(mutex);
  const int missing = omp_get_num_procs() + 1 - threads - held;
  if (missing > 0 && !waiting_is_set()) {
    keep_team(missing + 1);
    held += missing;
  }
}

int sleeping_threads() { return asleep().load(); }

}  // namespace temper::cpu
