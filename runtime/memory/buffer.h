// A block of host memory, 64-byte aligned, zeroed when made, or foreign memory kept alive by an
// owner (a mapped file). Shared by the tensors that view it: the only shared_ptr of the runtime.
#pragma once

#include <cstddef>
#include <memory>

namespace temper {

inline constexpr std::size_t kBufferAlignment = 64;

class Buffer {
 public:
  // THROWS: kOutOfMemory naming the size and `purpose`.
  static std::shared_ptr<Buffer> allocate(std::size_t bytes, const char* purpose = "a buffer");
  // Memory of somebody else, alive as long as `owner`, or without one for as long as the caller
  // sees to it; never freed here. Not to be written unless the owner allows it.
  static std::shared_ptr<Buffer> wrap(void* data, std::size_t bytes,
                                      std::shared_ptr<const void> owner);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  Buffer(std::byte* data, std::size_t bytes, std::shared_ptr<const void> owner, bool allocated)
      : data_(data), bytes_(bytes), owner_(std::move(owner)), allocated_(allocated) {}

  std::byte* data_;
  std::size_t bytes_;
  std::shared_ptr<const void> owner_;
  bool allocated_;  // by allocate(), so that it is ours to free
};

}  // namespace temper
