// How long the threads of a team wait for each other spinning. libgomp's spin for milliseconds: on
// processors of their own they find the next step without being woken, which takes up to a tenth of
// a millisecond; beside other programs a spinning thread takes the core from the one it waits for.
// libgomp spins a few microseconds only while it knows of more threads than there are processors
// (the manual of GOMP_SPINCOUNT): threads that sleep make it know of that many. They are there
// while others put the process aside. No result depends on it.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

namespace temper::cpu {

// Decides from what the process used whether others want its processors.
class WaitPolicy {
 public:
  // Of the time since the last call: its length, the seconds that the process had on processors,
  // and how often a thread of it was put aside though it could go on. True: waits are to be short.
  bool observe(double seconds, double cpu_seconds, double times_put_aside);

 private:
  bool short_ = false;
  double in_state_ = 0;  // seconds
  double hold_ = 1;      // seconds of short waits before long ones are tried again
};

// While it lives, libgomp knows of `threads` more, which sleep; of none where they cannot be had.
class ShortWaits {
 public:
  explicit ShortWaits(int threads);
  ~ShortWaits();
  ShortWaits(const ShortWaits&) = delete;
  ShortWaits& operator=(const ShortWaits&) = delete;

  // How many sleep by now; for tests.
  static int sleeping();

 private:
  std::atomic<bool> over_{false};
  std::thread team_;
};

// Call before the first team of `threads`: from then on a thread looks five times a second while
// the process computes, and every two seconds while it does not. Nothing where the environment says
// how threads wait.
void watch_waits(int threads);

}  // namespace temper::cpu
