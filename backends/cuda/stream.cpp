#include "backends/cuda/stream.h"

#include "runtime/base/error.h"

namespace temper::cuda {
namespace {

class CapturedGraph final : public Stream::Recording {
 public:
  CapturedGraph(GraphHandle graph, StreamHandle stream) : graph_(graph), stream_(stream) {}
  ~CapturedGraph() override { close(graph_); }
  void replay() override { cuda::replay(graph_, stream_); }

 private:
  GraphHandle graph_;
  StreamHandle stream_;
};

struct EventPoint final : Stream::Point {
  EventPoint() : event(make_event()) {}
  ~EventPoint() override { close(event); }
  EventHandle event;
};

}  // namespace

CudaStream::CudaStream() : handle_(make_stream()) {}

CudaStream::~CudaStream() {
  for (const auto& [mark, event] : marks_) {
    close(event);
  }
  for (const EventHandle event : spare_) {
    close(event);
  }
  close(handle_);
}

EventHandle CudaStream::take_event() {
  if (spare_.empty()) {
    return make_event();
  }
  const EventHandle event = spare_.back();
  spare_.pop_back();
  return event;
}

Stream::Mark CudaStream::mark() {
  const EventHandle event = take_event();
  cuda::record(event, handle_);
  marks_.emplace_back(++last_, event);
  return last_;
}

// Events end in order, so those before the one waited for are over with it.
void CudaStream::wait(Mark mark) {
  EventHandle awaited;
  while (!marks_.empty() && marks_.front().first <= mark) {
    awaited = marks_.front().second;
    spare_.push_back(awaited);
    marks_.pop_front();
  }
  if (awaited.handle != nullptr) {
    synchronize(awaited);
  }
}

std::unique_ptr<Stream> CudaStream::make_beside() { return std::make_unique<CudaStream>(); }

std::unique_ptr<Stream::Point> CudaStream::make_point() { return std::make_unique<EventPoint>(); }

void CudaStream::set(Point& point) {
  cuda::record(dynamic_cast<EventPoint&>(point).event, handle_);
}

// An event that was never recorded is over.
void CudaStream::follow(const Point& point) {
  cuda::wait(handle_, dynamic_cast<const EventPoint&>(point).event);
}

std::unique_ptr<Stream::Recording> CudaStream::record(const std::function<void()>& queue) {
  begin_capture(handle_);
  try {
    queue();
  } catch (...) {
    abandon_capture(handle_);
    throw;
  }
  return std::make_unique<CapturedGraph>(end_capture(handle_), handle_);
}

StreamHandle handle_of(Stream& stream) { return dynamic_cast<CudaStream&>(stream).handle(); }

}  // namespace temper::cuda
