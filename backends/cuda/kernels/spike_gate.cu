// One block: the middle of the window is found bit by bit, by counting what lies below, so that it
// takes no memory and any length.
#include <bit>

#include "backends/common/spike_gate.h"
#include "backends/cuda/device/reduce.cuh"
#include "backends/cuda/kernels/spike_gate.h"

namespace temper::cuda {
namespace {

constexpr unsigned kSign = 0x80000000u;

// Unsigned numbers in the order of the floats.
__device__ unsigned key_of(float x) {
  const unsigned bits = std::bit_cast<unsigned>(x);
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

__device__ float of_key(unsigned key) {
  return std::bit_cast<float>((key & kSign) != 0 ? key & ~kSign : ~key);
}

__device__ bool is_finite(float x) { return x - x == 0.0f; }

struct Room {
  Scratch<int> counts;
  Scratch<unsigned> keys;
};

// How many keys are below. The same in all threads; so below.
__device__ int count_below(unsigned key, const float* window, std::int64_t count, Room& room) {
  int below = 0;
  for (std::int64_t i = threadIdx.x; i < count; i += blockDim.x) {
    below += key_of(window[i]) < key ? 1 : 0;
  }
  return block_reduce<Sum>(below, room.counts, 0);
}

// The key of the element that has `rank` smaller ones or equal ones before it.
__device__ unsigned key_at(std::int64_t rank, const float* window, std::int64_t count, Room& room) {
  unsigned key = 0;
  for (unsigned bit = kSign; bit != 0; bit >>= 1) {
    if (count_below(key | bit, window, count, room) <= rank) {
      key |= bit;
    }
  }
  return key;
}

// The key of the element behind that one in order.
__device__ unsigned key_behind(std::int64_t rank, unsigned key, const float* window,
                               std::int64_t count, Room& room) {
  if (count_below(key + 1, window, count, room) > rank + 1) {
    return key;
  }
  unsigned least = ~0u;
  for (std::int64_t i = threadIdx.x; i < count; i += blockDim.x) {
    const unsigned own = key_of(window[i]);
    least = own > key && own < least ? own : least;
  }
  return block_reduce<Minimum>(least, room.keys, ~0u);
}

__global__ void __launch_bounds__(kBlock)
    spike_kernel(std::int64_t count, double factor, const float* window, const float* value,
                 const bool* ok, bool* passes, bool* spike, float* next) {
  Room& room = shared_as<Room>();
  const float seen = *value;
  const bool applied = *ok;
  bool is_above = false;
  if (is_finite(window[0])) {  // the same in all threads
    const std::int64_t rank = (count - 1) / 2;
    const unsigned low = key_at(rank, window, count, room);
    const unsigned high = count % 2 != 0 ? low : key_behind(rank, low, window, count, room);
    is_above = is_spike(seen, of_key(low), of_key(high), factor);
  }
  const bool is_kept = applied && !is_above && is_finite(seen);
  for (std::int64_t first = 0; first < count; first += blockDim.x) {
    const std::int64_t i = first + threadIdx.x;
    float moved = 0;
    if (i < count) {
      moved = !is_kept ? window[i] : i + 1 < count ? window[i + 1] : seen;
    }
    __syncthreads();  // the window may be written where it is read
    if (i < count) {
      next[i] = moved;
    }
  }
  if (threadIdx.x == 0) {
    *passes = applied && !is_above;
    *spike = is_above;
  }
}

}  // namespace

void spike_gate(std::int64_t count, double factor, const float* window, const float* value,
                const bool* ok, bool* passes, bool* spike, float* next, StreamHandle stream) {
  launch(spike_kernel, 1, kBlock, sizeof(Room), stream, count, factor, window, value, ok, passes,
         spike, next);
}

}  // namespace temper::cuda
