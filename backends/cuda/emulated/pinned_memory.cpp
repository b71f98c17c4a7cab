// Memory of the host that the emulated device may copy from and to: the only memory that copies
// take. Loaders make and drop it, too, on threads of their own.
#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

#include "backends/cuda/device.h"
#include "backends/cuda/emulated/blocks.h"
#include "runtime/base/alignment.h"

namespace temper::cuda {
namespace {

struct Pinned {
  std::mutex mutex;
  std::map<const std::byte*, std::size_t> blocks;
};

Pinned pinned;

}  // namespace

void* allocate_pinned(std::size_t bytes) {
  const std::size_t needed = aligned_bytes(std::max<std::size_t>(bytes, 1));
  void* data = ::operator new(needed, std::align_val_t(kBufferAlignment));
  std::memset(data, 0, needed);
  const std::scoped_lock lock(pinned.mutex);
  pinned.blocks[static_cast<const std::byte*>(data)] = needed;
  return data;
}

void release_pinned(void* host) noexcept {
  {
    const std::scoped_lock lock(pinned.mutex);
    pinned.blocks.erase(static_cast<const std::byte*>(host));
  }
  ::operator delete(host, std::align_val_t(kBufferAlignment));
}

bool is_pinned(const void* host, std::size_t bytes) {
  const std::scoped_lock lock(pinned.mutex);
  return within(pinned.blocks, static_cast<const std::byte*>(host), bytes);
}

}  // namespace temper::cuda
