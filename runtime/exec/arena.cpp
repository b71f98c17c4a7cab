// The memory of a step: one block for the largest plan, another for the gradients, and constants
// that lie on a device.
#include <algorithm>

#include "runtime/exec/executor.h"

namespace temper {

void Arena::reserve(const Plan& plan) {
  if (holds(plan)) {
    return;
  }
  for (Executor* user : users_) {
    user->unbind();
  }
  buffer_ = nullptr;
  flat_buffer_ = nullptr;
  bytes_ = std::max(bytes_, plan.arena_bytes);
  flat_bytes_ = std::max(flat_bytes_, plan.flat_bytes);
}

std::byte* Arena::data() {
  if (buffer_ == nullptr) {
    buffer_ = Buffer::allocate(static_cast<std::size_t>(bytes_), "the plan's arena", *memory_);
  }
  return buffer_->address();
}

std::byte* Arena::flat() {
  if (flat_buffer_ == nullptr) {
    flat_buffer_ =
        Buffer::allocate(static_cast<std::size_t>(flat_bytes_), "the gradients", *memory_);
  }
  return flat_buffer_->address();
}

Stream* Arena::copies(Stream& stream) {
  if (copies_ == nullptr) {
    copies_ = stream.make_beside();
  }
  return copies_.get();
}

std::shared_ptr<Buffer> Arena::constant(const Tensor& tensor, Stream& stream) {
  std::weak_ptr<Buffer>& known = constants_[tensor.data()];
  std::shared_ptr<Buffer> buffer = known.lock();
  const auto bytes = static_cast<std::size_t>(tensor.bytes());
  if (buffer == nullptr || buffer->bytes() != bytes) {
    buffer = Buffer::allocate(bytes, "a constant", *memory_);
    memory_->copy_in(buffer->address(), tensor.data(), bytes, stream);
    known = buffer;
    std::erase_if(constants_, [](const auto& entry) { return entry.second.expired(); });
  }
  return buffer;
}

}  // namespace temper
