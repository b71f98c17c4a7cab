// How long a run has been going on, and how fast its last steps were.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

namespace temper::training {

// Seconds that only grow; their differences mean something. Tests give one of their own.
using SecondsSource = std::function<double()>;

// Seconds a run has been going on, over all its parts.
class RunClock {
 public:
  explicit RunClock(SecondsSource now) : now_(std::move(now)) {}
  // `before`: what earlier parts took.
  void begin(double before) {
    before_ = before;
    began_ = now_();
    running_ = true;
  }
  double seconds() const { return running_ ? before_ + now_() - began_ : before_; }

 private:
  SecondsSource now_;
  double before_ = 0;
  double began_ = 0;
  bool running_ = false;
};

// The steps since the last logged line, or since something that was no step ended.
class StepWindow {
 public:
  explicit StepWindow(SecondsSource now) : now_(std::move(now)) {}
  void restart(std::int64_t step) {
    began_ = now_();
    first_step_ = step;
    samples_ = 0;
  }
  void add(std::int64_t samples) { samples_ += samples; }
  double seconds() const { return std::max(now_() - began_, 1e-9); }
  std::int64_t samples() const { return samples_; }
  // Up to `step`, at least one.
  std::int64_t steps(std::int64_t step) const {
    return std::max<std::int64_t>(step - first_step_, 1);
  }

 private:
  SecondsSource now_;
  double began_ = 0;
  std::int64_t first_step_ = 0;
  std::int64_t samples_ = 0;
};

}  // namespace temper::training
