// Rows moved along the steps of sequences.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/device/index_fault.h"

namespace temper::cuda {

// x [rows, columns, inner], of which one is the batch and the other the steps.
struct SequenceShape {
  std::int64_t rows = 1, columns = 1;
  std::size_t run_bytes = 0;  // of what lies behind the two axes
  bool batch_first = false;
};

// The first lengths[n] steps of each sample in reverse order. A length out of range is noted and
// reverses nothing.
void reverse_steps(const SequenceShape& shape, const std::int64_t* lengths, DeviceFault* fault,
                   const void* x, void* y, StreamHandle stream);

// A cache [outer, cache, inner] and an update [outer, length, inner].
struct CacheShape {
  std::int64_t outer = 1, per_sample = 1;  // rows, of which so many have the same write index
  std::int64_t cache = 1, length = 1;
  std::size_t run_bytes = 0;  // of what lies behind the axis
  bool circular = false, wide = true;
};

// cache[.., place + s, ..] = update[.., s, ..]; `indices` may be null: all 0. Where a place is out
// of range, it is noted and the cache stays, or what is read is 0.
void write_cache(const CacheShape& shape, const void* indices, DeviceFault* fault,
                 const void* update, void* cache, StreamHandle stream);
void read_cache(const CacheShape& shape, const void* indices, DeviceFault* fault, const void* cache,
                void* update, StreamHandle stream);

}  // namespace temper::cuda
