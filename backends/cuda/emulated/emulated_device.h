// What tests ask of the emulated device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "backends/cuda/emulated/thread_scheduler.h"
#include "runtime/memory/device_memory.h"

namespace temper::emulated {

// Since the program began.
struct DeviceCounts {
  std::uint64_t launches = 0;            // of kernels and library calls that the host made
  std::uint64_t captured = 0;            // the same, into a graph
  std::uint64_t captured_libraries = 0;  // of these, calls of libraries
  std::uint64_t captured_copies = 0;
  std::uint64_t replays = 0;
  std::uint64_t copies = 0;                   // queued by the host
  std::uint64_t bytes_in = 0, bytes_out = 0;  // of these, from and to the host
  std::uint64_t waits = 0;                    // of the host
  std::uint64_t late_waits = 0;  // of these, with later steps queued: the device goes on meanwhile
  std::uint64_t allocations = 0;
  std::uint64_t programs = 0;  // compiled
};
DeviceCounts device_counts();

// While it lives, work is counted and not done.
class OnlyCounting {
 public:
  OnlyCounting();
  ~OnlyCounting();
  OnlyCounting(const OnlyCounting&) = delete;
  OnlyCounting& operator=(const OnlyCounting&) = delete;
};

// While it lives, streams do not only work when they are waited for: with each piece of work that
// is queued one of them, drawn by `seed`, goes on to its end. What overtakes in another stream what
// it should have waited for is found so.
class RestlessStreams {
 public:
  explicit RestlessStreams(std::uint64_t seed);
  ~RestlessStreams();
  RestlessStreams(const RestlessStreams&) = delete;
  RestlessStreams& operator=(const RestlessStreams&) = delete;
};

// Whether the device has no cuDNN from now on.
void set_cudnn_missing(bool missing);

// Queues what a library would do on a stream of this device, late and captured as all its work is.
// Within it the device's memory is there.
void queue_library_call(Stream& stream, std::function<void()> work);

// The memory there is from now on; 0: as much as at first.
void set_memory_bytes(std::size_t bytes);
// The device fails within the replay `replays` from now (1: the next) and is of no use afterwards,
// whoever asks it is told `text`; 0: it works again.
void fail_in_replay(std::uint64_t replays, std::string text = {});

}  // namespace temper::emulated
