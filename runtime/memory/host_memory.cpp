// The host as a device: allocation, and copies that are done when they return.
#include <cstdlib>
#include <cstring>
#include <memory>

#include "runtime/base/error.h"
#include "runtime/memory/buffer.h"
#include "runtime/memory/device_memory.h"
#include "runtime/platform/mapped_zeros.h"

namespace temper {
namespace {

class HostStream final : public Stream {
 public:
  Mark mark() override { return 0; }
  void wait(Mark /*mark*/) override {}
};

void copy(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0) {  // memcpy takes no null, not even for nothing
    std::memcpy(to, from, bytes);
  }
}

std::size_t room_for(std::size_t bytes) {
  return (bytes + kBufferAlignment) / kBufferAlignment * kBufferAlignment;
}

bool is_mapped(std::size_t bytes) { return bytes >= kLeastMappedBytes; }

class HostMemory final : public DeviceMemory {
 public:
  bool is_host() const override { return true; }

  std::byte* allocate(std::size_t bytes, const char* purpose) override {
    const std::size_t rounded = room_for(bytes);
    const bool mapped = is_mapped(bytes);
    void* data = rounded < bytes ? nullptr
                 : mapped        ? map_zeros(rounded)
                                 : std::aligned_alloc(kBufferAlignment, rounded);
    TEMPER_CHECK(data != nullptr, ErrorCode::kOutOfMemory, "cannot allocate ", bytes, " bytes for ",
                 purpose);
    if (!mapped) {
      std::memset(data, 0, rounded);
    }
    return static_cast<std::byte*>(data);
  }

  void release(std::byte* data, std::size_t bytes) noexcept override {
    if (is_mapped(bytes)) {
      unmap_zeros(data, room_for(bytes));
    } else {
      std::free(data);
    }
  }

  void copy_in(std::byte* to, const void* from, std::size_t bytes, Stream& /*stream*/) override {
    copy(to, from, bytes);
  }
  void copy_out(void* to, const std::byte* from, std::size_t bytes, Stream& /*stream*/) override {
    copy(to, from, bytes);
  }
  void copy_within(std::byte* to, const std::byte* from, std::size_t bytes,
                   Stream& /*stream*/) override {
    copy(to, from, bytes);
  }
  void zero(std::byte* to, std::size_t bytes, Stream& /*stream*/) override {
    if (bytes > 0) {
      std::memset(to, 0, bytes);
    }
  }
};

}  // namespace

std::shared_ptr<Buffer> DeviceMemory::make_host_buffer(std::size_t bytes, const char* purpose) {
  return Buffer::allocate(bytes, purpose);
}

DeviceMemory& host_memory() {
  static const std::unique_ptr<DeviceMemory> kMemory = std::make_unique<HostMemory>();
  return *kMemory;
}

std::unique_ptr<Stream> make_host_stream() { return std::make_unique<HostStream>(); }

Stream& host_stream() {
  static const std::unique_ptr<Stream> kStream = make_host_stream();
  return *kStream;
}

}  // namespace temper
