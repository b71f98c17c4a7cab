// Where buffers lie and how bytes get there and back: the narrow border between Temper and the
// memory of a device. Kernels get raw addresses of it from an executor; everybody else reads and
// writes through a VariableStore and an Executor, which use these copies. Threading: one thread at
// a time for each stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace temper {

class Buffer;

// Kernels and copies in order: what is queued first is done first, perhaps later than it was asked
// for.
class Stream {
 public:
  // A point behind everything queued before it.
  using Mark = std::uint64_t;

  virtual ~Stream() = default;
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  virtual Mark mark() = 0;
  // Returns when everything before the mark is done. THROWS: kDevice when some of it failed.
  virtual void wait(Mark mark) = 0;
  void wait_all() { wait(mark()); }

  // Another stream of the same device, for copies beside the kernels of this one. Null: nothing is
  // ever done beside it.
  virtual std::unique_ptr<Stream> make_beside() { return nullptr; }
  // A point in a stream that others of its device can go by, set again and again.
  class Point {
   public:
    virtual ~Point() = default;
    Point() = default;
    Point(const Point&) = delete;
    Point& operator=(const Point&) = delete;
  };
  // Null where make_beside() gives nothing.
  virtual std::unique_ptr<Point> make_point() { return nullptr; }
  // The point is everything that was queued here before.
  virtual void set(Point& point) { static_cast<void>(point); }
  // What is queued here from now on is done after the point as it was set last; the host goes on. A
  // point never set keeps nothing waiting.
  virtual void follow(const Point& point) { static_cast<void>(point); }

  // Work that a stream keeps, to be queued again as a whole.
  class Recording {
   public:
    virtual ~Recording() = default;
    Recording() = default;
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;

    virtual void replay() = 0;
  };
  // Keeps what `queue` queues instead of doing it. Null: this stream keeps nothing, and `queue` was
  // not called. THROWS: kDevice where `queue` waits, allocates or works on the host.
  virtual std::unique_ptr<Recording> record(const std::function<void()>& queue) {
    static_cast<void>(queue);
    return nullptr;
  }
};

class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;
  DeviceMemory() = default;
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  // Whether the host reads and writes it directly.
  virtual bool is_host() const = 0;
  // Zeroed and 64-byte aligned, also for no bytes at all. THROWS: kOutOfMemory naming the size and
  // `purpose`.
  virtual std::byte* allocate(std::size_t bytes, const char* purpose) = 0;
  virtual void release(std::byte* data, std::size_t bytes) noexcept = 0;
  // Memory of the host that copies from and to this device work best with.
  virtual std::shared_ptr<Buffer> make_host_buffer(std::size_t bytes, const char* purpose);

  // Queued on the stream. The source of copy_in() may be overwritten as soon as it returns; the
  // target of copy_out() holds the bytes once the stream was waited for. Areas do not overlap.
  virtual void copy_in(std::byte* to, const void* from, std::size_t bytes, Stream& stream) = 0;
  virtual void copy_out(void* to, const std::byte* from, std::size_t bytes, Stream& stream) = 0;
  virtual void copy_within(std::byte* to, const std::byte* from, std::size_t bytes,
                           Stream& stream) = 0;
  virtual void zero(std::byte* to, std::size_t bytes, Stream& stream) = 0;
};

// Ordinary memory; its copies are done at once.
DeviceMemory& host_memory();
// Of the host: nothing queued waits. Any thread may use it.
Stream& host_stream();
// One of that kind.
std::unique_ptr<Stream> make_host_stream();

}  // namespace temper
