// The CUDA runtime as Temper needs it, and nothing more. Two implementations: real/device.cpp
// (cudart) and emulated/device.cpp (host memory that the host cannot touch, streams that work
// late). No CUDA type appears here. Whatever fails THROWS kDevice with the library's text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace temper::cuda {

struct DeviceFacts {
  std::string name;
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  std::size_t memory_bytes = 0;
  std::size_t shared_bytes = 0;  // that one block may ask for
  std::string versions;          // of driver and runtime, for `doctor`
};

// What the library gave for a stream, an event, a captured graph.
struct StreamHandle {
  void* handle = nullptr;
};
struct EventHandle {
  void* handle = nullptr;
};
struct GraphHandle {
  void* handle = nullptr;
};

// The device that this process works on from now on. THROWS: kUnsupported saying what is missing:
// a driver, a device of this number.
DeviceFacts open_device(int ordinal);

// Zeroed, 256-byte aligned; null where the device has no room. Refused during a capture.
void* allocate(std::size_t bytes);
void release(void* device, std::size_t bytes) noexcept;
// What is free and what there is at all, for the message when there is no room.
struct MemoryFigures {
  std::size_t free_bytes = 0, total_bytes = 0;
};
MemoryFigures memory_figures();
// Of the host, zeroed; copies from and to it do not hold up the host, and kernels may write there.
void* allocate_pinned(std::size_t bytes);
void release_pinned(void* host) noexcept;
bool is_pinned(const void* host, std::size_t bytes);

StreamHandle make_stream();
void close(StreamHandle stream) noexcept;
// Host memory of copies is pinned.
void copy_in(void* device, const void* pinned, std::size_t bytes, StreamHandle stream);
void copy_out(void* pinned, const void* device, std::size_t bytes, StreamHandle stream);
void copy_within(void* device, const void* source, std::size_t bytes, StreamHandle stream);
void fill_zero(void* device, std::size_t bytes, StreamHandle stream);

EventHandle make_event();
void close(EventHandle event) noexcept;
// The event is everything that the stream was given so far.
void record(EventHandle event, StreamHandle stream);
// The stream waits before what it is given next.
void wait(StreamHandle stream, EventHandle event);
// The host waits. Refused during a capture.
void synchronize(EventHandle event);
void synchronize(StreamHandle stream);

// What the stream is given in between becomes a graph, and is not done.
void begin_capture(StreamHandle stream);
GraphHandle end_capture(StreamHandle stream);
// After a begin_capture() whose work failed.
void abandon_capture(StreamHandle stream) noexcept;
void replay(GraphHandle graph, StreamHandle stream);
void close(GraphHandle graph) noexcept;

}  // namespace temper::cuda
