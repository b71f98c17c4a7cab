#include "runtime/memory/buffer.h"

#include <cstdlib>
#include <cstring>

#include "runtime/base/error.h"

namespace temper {

std::shared_ptr<Buffer> Buffer::allocate(std::size_t bytes, const char* purpose) {
  const std::size_t rounded = (bytes + kBufferAlignment) / kBufferAlignment * kBufferAlignment;
  void* data = rounded < bytes ? nullptr : std::aligned_alloc(kBufferAlignment, rounded);
  TEMPER_CHECK(data != nullptr, ErrorCode::kOutOfMemory, "cannot allocate ", bytes, " bytes for ",
               purpose);
  std::memset(data, 0, rounded);
  return std::shared_ptr<Buffer>(new Buffer(static_cast<std::byte*>(data), bytes, nullptr, true));
}

std::shared_ptr<Buffer> Buffer::wrap(void* data, std::size_t bytes,
                                     std::shared_ptr<const void> owner) {
  return std::shared_ptr<Buffer>(
      new Buffer(static_cast<std::byte*>(data), bytes, std::move(owner), false));
}

Buffer::~Buffer() {
  if (allocated_) {
    std::free(data_);
  }
}

}  // namespace temper
