// A thread per word of what is written, or of the update.
#include "backends/cuda/device/index_fault.cuh"
#include "backends/cuda/device/words.h"
#include "backends/cuda/kernels/sequences.h"

namespace temper::cuda {
namespace {

template <class W>
__global__ void __launch_bounds__(kBlock)
    reverse_kernel(const SequenceShape s, std::int64_t words,
                   const std::int64_t* __restrict__ lengths, DeviceFault* fault,
                   const W* __restrict__ x, W* __restrict__ y) {
  const std::int64_t at = thread_number();
  if (at >= s.rows * s.columns * words) {
    return;
  }
  const std::int64_t run = at / words;
  const std::int64_t i = run / s.columns, j = run % s.columns;
  const std::int64_t step = s.batch_first ? j : i, steps = s.batch_first ? s.columns : s.rows;
  std::int64_t length = lengths[s.batch_first ? i : j];
  if (length < 0 || length > steps) {
    note_index(fault, length, 0, steps + 1);
    length = 0;
  }
  const std::int64_t from = step < length ? length - 1 - step : step;
  y[at] = x[(s.batch_first ? i * s.columns + from : from * s.columns + j) * words + at % words];
}

// The row of the cache that row `run` of the update belongs to, or -1.
__device__ std::int64_t cache_row(const CacheShape& s, const void* indices, DeviceFault* fault,
                                  std::int64_t run) {
  const std::int64_t outer = run / s.length, step = run % s.length;
  std::int64_t first = 0;
  if (indices != nullptr) {
    const std::int64_t sample = outer / s.per_sample;
    first = s.wide ? static_cast<const std::int64_t*>(indices)[sample]
                   : static_cast<const std::int32_t*>(indices)[sample];
  }
  if (s.circular) {
    return outer * s.cache + ((first % s.cache + step) % s.cache + s.cache) % s.cache;
  }
  if (first < 0 || first > s.cache - s.length) {
    note_index(fault, first, 0, s.cache - s.length + 1);
    return -1;
  }
  return outer * s.cache + first + step;
}

template <class W, bool kWrites>
__global__ void __launch_bounds__(kBlock)
    cache_kernel(const CacheShape s, std::int64_t words, const void* indices, DeviceFault* fault,
                 const W* __restrict__ from, W* __restrict__ to) {
  const std::int64_t at = thread_number();
  if (at >= s.outer * s.length * words) {
    return;
  }
  const std::int64_t row = cache_row(s, indices, fault, at / words);
  const std::int64_t place = row * words + at % words;
  if constexpr (kWrites) {
    if (row >= 0) {
      to[place] = from[at];
    }
  } else {
    to[at] = row >= 0 ? from[place] : W{};
  }
}

template <bool kWrites>
void run_cache(const CacheShape& s, const void* indices, DeviceFault* fault, const void* from,
               void* to, StreamHandle stream) {
  if (s.run_bytes == 0) {
    return;
  }
  visit_words(s.run_bytes, [&]<class W>(W) {
    const auto words = static_cast<std::int64_t>(s.run_bytes / sizeof(W));
    launch_elements(cache_kernel<W, kWrites>, s.outer * s.length * words, stream, s, words, indices,
                    fault, static_cast<const W*>(from), static_cast<W*>(to));
  });
}

}  // namespace

void reverse_steps(const SequenceShape& s, const std::int64_t* lengths, DeviceFault* fault,
                   const void* x, void* y, StreamHandle stream) {
  if (s.run_bytes == 0) {
    return;
  }
  visit_words(s.run_bytes, [&]<class W>(W) {
    const auto words = static_cast<std::int64_t>(s.run_bytes / sizeof(W));
    launch_elements(reverse_kernel<W>, s.rows * s.columns * words, stream, s, words, lengths, fault,
                    static_cast<const W*>(x), static_cast<W*>(y));
  });
}

void write_cache(const CacheShape& s, const void* indices, DeviceFault* fault, const void* update,
                 void* cache, StreamHandle stream) {
  run_cache<true>(s, indices, fault, update, cache, stream);
}

void read_cache(const CacheShape& s, const void* indices, DeviceFault* fault, const void* cache,
                void* update, StreamHandle stream) {
  run_cache<false>(s, indices, fault, cache, update, stream);
}

}  // namespace temper::cuda
