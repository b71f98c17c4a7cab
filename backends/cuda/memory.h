// The device's memory as the runtime sees it. What comes from the host goes through a ring of
// pinned memory, so that the host goes on as soon as it has written there.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>

#include "backends/cuda/device.h"
#include "runtime/memory/device_memory.h"

namespace temper::cuda {

// As allocate(). THROWS: kOutOfMemory naming the size, `purpose` and what there is.
void* allocate_for(const char* purpose, std::size_t bytes);

// Pinned memory in which copies to the device wait. Threading: one thread at a time.
class StagingRing {
 public:
  explicit StagingRing(std::size_t bytes);
  ~StagingRing();
  StagingRing(const StagingRing&) = delete;
  StagingRing& operator=(const StagingRing&) = delete;

  // Queues the copy; returns when `from` may be overwritten. Waits only when the ring is full of
  // copies that are not over.
  void copy_in(std::byte* to, const std::byte* from, std::size_t bytes, StreamHandle stream);

 private:
  struct Part {
    std::size_t begin, end;
    EventHandle over;
  };
  std::size_t make_room(std::size_t bytes);

  std::size_t bytes_;
  std::byte* ring_;
  std::size_t next_ = 0;
  std::deque<Part> parts_;  // in the order they were queued
};

class CudaMemory final : public DeviceMemory {
 public:
  CudaMemory();
  ~CudaMemory() override;

  bool is_host() const override { return false; }
  std::byte* allocate(std::size_t bytes, const char* purpose) override;
  void release(std::byte* data, std::size_t bytes) noexcept override;
  std::shared_ptr<Buffer> make_host_buffer(std::size_t bytes, const char* purpose) override;
  void copy_in(std::byte* to, const void* from, std::size_t bytes, Stream& stream) override;
  void copy_out(void* to, const std::byte* from, std::size_t bytes, Stream& stream) override;
  void copy_within(std::byte* to, const std::byte* from, std::size_t bytes,
                   Stream& stream) override;
  void zero(std::byte* to, std::size_t bytes, Stream& stream) override;

 private:
  StagingRing ring_;
  std::byte* landing_;  // pinned: where a copy to ordinary memory comes first
};

}  // namespace temper::cuda
