#include "runtime/memory/buffer.h"

#include <utility>

#include "runtime/base/error.h"
#include "runtime/memory/device_memory.h"

namespace temper {

Buffer::Buffer(std::byte* data, std::size_t bytes, std::shared_ptr<const void> owner,
               DeviceMemory* memory)
    : data_(data),
      bytes_(bytes),
      owner_(std::move(owner)),
      memory_(memory),
      is_host_(memory == nullptr || memory->is_host()) {}

std::shared_ptr<Buffer> Buffer::allocate(std::size_t bytes, const char* purpose) {
  return allocate(bytes, purpose, host_memory());
}

std::shared_ptr<Buffer> Buffer::allocate(std::size_t bytes, const char* purpose,
                                         DeviceMemory& memory) {
  std::byte* data = memory.allocate(bytes, purpose);
  return std::shared_ptr<Buffer>(new Buffer(data, bytes, nullptr, &memory));
}

std::shared_ptr<Buffer> Buffer::wrap(void* data, std::size_t bytes,
                                     std::shared_ptr<const void> owner) {
  return std::shared_ptr<Buffer>(
      new Buffer(static_cast<std::byte*>(data), bytes, std::move(owner), nullptr));
}

Buffer::~Buffer() {
  if (memory_ != nullptr) {
    memory_->release(data_, bytes_);
  }
}

void Buffer::fail_not_host() const {
  fail(ErrorCode::kInternal, "the host reached for ", bytes_, " bytes of a device's memory");
}

}  // namespace temper
