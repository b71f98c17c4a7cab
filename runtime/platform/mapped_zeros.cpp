#include "runtime/platform/mapped_zeros.h"

#include <sys/mman.h>

namespace temper {

void* map_zeros(std::size_t bytes) {
  void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return mapped == MAP_FAILED ? nullptr : mapped;
}

void unmap_zeros(void* data, std::size_t bytes) noexcept { ::munmap(data, bytes); }

}  // namespace temper
