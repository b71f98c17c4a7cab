// Memory for large buffers: zeros that the operating system gives page by page as they are touched.
// Nobody writes a gigabyte of zeros before the first step, and a moment or a part of the arena that
// no step has reached takes none.
#pragma once

#include <cstddef>

namespace temper {

// From so many bytes on; smaller ones are better served by the allocator, which keeps what is
// freed.
inline constexpr std::size_t kLeastMappedBytes = std::size_t{4} << 20;

// Aligned to a page; null when there is no room.
void* map_zeros(std::size_t bytes);
// Of the same number of bytes.
void unmap_zeros(void* data, std::size_t bytes) noexcept;

}  // namespace temper
