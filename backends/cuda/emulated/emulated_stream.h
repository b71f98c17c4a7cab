// A stream of the emulated device: work in order, done when somebody waits for it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "backends/cuda/device.h"

namespace temper::cuda {

struct EmulatedGraph {
  std::vector<std::function<void()>> work;
};

class EmulatedStream {
 public:
  explicit EmulatedStream(std::uint64_t number) : number_(number) {}
  std::uint64_t number() const { return number_; }

  // Done late; or kept, where the stream is captured. `kernel`: counted as a launch; `library`: of
  // a library.
  void queue(std::function<void()> work, bool kernel, bool library = false);
  void queue_replay(const EmulatedGraph& graph);
  void finish(std::uint64_t count);
  std::uint64_t queued() const { return queued_; }
  // Whether a step was queued behind the first `count` pieces of work.
  bool has_step_behind(std::uint64_t count) const { return last_replay_ > count; }

  void begin_capture() { capturing_ = true; }
  EmulatedGraph* end_capture();
  bool is_capturing() const { return capturing_; }

 private:
  std::uint64_t number_;
  std::deque<std::function<void()>> waiting_;
  std::uint64_t queued_ = 0, done_ = 0, last_replay_ = 0;
  bool capturing_ = false;
  std::vector<std::function<void()>> captured_;
};

// One more in the device's counts.
void count_compiled_program();

inline EmulatedStream& stream_of(StreamHandle handle) {
  return *static_cast<EmulatedStream*>(handle.handle);
}

}  // namespace temper::cuda
