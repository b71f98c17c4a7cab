// A stream of the device as the runtime sees it: marks are events, a recording is a captured graph.
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "backends/cuda/device.h"
#include "runtime/memory/device_memory.h"

namespace temper::cuda {

class CudaStream final : public Stream {
 public:
  CudaStream();
  ~CudaStream() override;

  Mark mark() override;
  void wait(Mark mark) override;
  std::unique_ptr<Stream> make_beside() override;
  std::unique_ptr<Point> make_point() override;
  void set(Point& point) override;
  void follow(const Point& point) override;
  std::unique_ptr<Recording> record(const std::function<void()>& queue) override;

  StreamHandle handle() const { return handle_; }

 private:
  EventHandle take_event();

  StreamHandle handle_;
  std::deque<std::pair<Mark, EventHandle>> marks_;  // not known to be over
  std::vector<EventHandle> spare_;
  Mark last_ = 0;
};

// The stream that kernels and copies of this backend are given.
StreamHandle handle_of(Stream& stream);
inline StreamHandle handle_of(Stream* stream) { return handle_of(*stream); }

}  // namespace temper::cuda
