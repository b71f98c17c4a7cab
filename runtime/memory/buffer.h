// A block of memory of the host or of a device, 64-byte aligned, zeroed when made, or foreign
// memory kept alive by an owner (a mapped file). Shared by the tensors that view it: the only
// shared_ptr of the runtime.
#pragma once

#include <cstddef>
#include <memory>

#include "runtime/base/alignment.h"

namespace temper {

class DeviceMemory;

class Buffer {
 public:
  // THROWS: kOutOfMemory naming the size and `purpose`.
  static std::shared_ptr<Buffer> allocate(std::size_t bytes, const char* purpose = "a buffer");
  // Of a device, which outlives it.
  static std::shared_ptr<Buffer> allocate(std::size_t bytes, const char* purpose,
                                          DeviceMemory& memory);
  // Memory of somebody else, alive as long as `owner`, or without one for as long as the caller
  // sees to it; never freed here. Not to be written unless the owner allows it.
  static std::shared_ptr<Buffer> wrap(void* data, std::size_t bytes,
                                      std::shared_ptr<const void> owner);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  bool is_host() const { return is_host_; }
  // THROWS: kInternal for memory of a device, which the host cannot reach.
  std::byte* data() { return host_data(); }
  const std::byte* data() const { return host_data(); }
  // For kernels and copies of its device only.
  std::byte* address() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  Buffer(std::byte* data, std::size_t bytes, std::shared_ptr<const void> owner,
         DeviceMemory* memory);
  std::byte* host_data() const {
    if (!is_host_) [[unlikely]] {
      fail_not_host();
    }
    return data_;
  }
  [[noreturn]] void fail_not_host() const;

  std::byte* data_;
  std::size_t bytes_;
  std::shared_ptr<const void> owner_;
  DeviceMemory* memory_;  // that allocated it, so that it is ours to free; null: wrapped
  bool is_host_;
};

}  // namespace temper
