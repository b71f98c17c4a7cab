// Sorts the rows of keys that differ from each other: tiles in shared memory, then pairs of sorted
// runs are merged until a run is a row.
#pragma once

#include <cstdint>
#include <utility>

#include "backends/cuda/launch.cuh"

namespace temper::cuda {

inline constexpr int kSortTile = 1024;

// A key of 64 bits with an index behind it. Comes last where it stands for no element.
struct WideKey {
  std::uint64_t value, index;

  friend constexpr bool operator<(const WideKey& a, const WideKey& b) {
    return a.value < b.value || (a.value == b.value && a.index < b.index);
  }
};

template <class Key>
constexpr Key last_key() {
  if constexpr (sizeof(Key) == sizeof(WideKey)) {
    return {~std::uint64_t{0}, ~std::uint64_t{0}};
  } else {
    return ~Key{0};
  }
}

template <class Key>
struct SortTile {
  Key keys[kSortTile];
};

// A block per tile, a thread per pair: bitonic sort.
template <class Key>
__global__ void __launch_bounds__(kSortTile / 2)
    tile_sort_kernel(Key* keys, std::int64_t length, int tile, std::int64_t tiles) {
  SortTile<Key>& shared = shared_as<SortTile<Key>>();
  const std::int64_t row = blockIdx.x / tiles, first = blockIdx.x % tiles * tile;
  Key* from = keys + row * length + first;
  for (int i = static_cast<int>(threadIdx.x); i < tile; i += static_cast<int>(blockDim.x)) {
    shared.keys[i] = first + i < length ? from[i] : last_key<Key>();
  }
  __syncthreads();
  for (int size = 2; size <= tile; size *= 2) {
    for (int step = size / 2; step > 0; step /= 2) {
      const int pair = static_cast<int>(threadIdx.x);
      const int i = 2 * pair - (pair & (step - 1)), j = i + step;
      const Key a = shared.keys[i], b = shared.keys[j];
      if ((b < a) == ((i & size) == 0)) {
        shared.keys[i] = b;
        shared.keys[j] = a;
      }
      __syncthreads();
    }
  }
  for (int i = static_cast<int>(threadIdx.x); i < tile; i += static_cast<int>(blockDim.x)) {
    if (first + i < length) {
      from[i] = shared.keys[i];
    }
  }
}

// Runs of `run` keys become runs of twice as many: a key moves by what of the other run comes
// before it.
template <class Key>
__global__ void __launch_bounds__(kBlock)
    merge_kernel(const Key* keys, Key* merged, std::int64_t rows, std::int64_t length,
                 std::int64_t run) {
  const std::int64_t i = thread_number();
  if (i >= rows * length) {
    return;
  }
  const std::int64_t row = i / length, at = i % length;
  const std::int64_t number = at / run, begin = (number ^ 1) * run;
  const Key key = keys[i];
  const Key* other = keys + row * length;
  std::int64_t low = begin < length ? begin : length;
  std::int64_t high = begin + run < length ? begin + run : length;
  const std::int64_t other_begin = low;
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    if (other[middle] < key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const std::int64_t to = number / 2 * 2 * run + (at - number * run) + (low - other_begin);
  merged[row * length + to] = key;
}

// Ascending. `spare` has the size of `keys` where a row is longer than a tile; the answer is in the
// one that is returned.
template <class Key>
Key* sort_rows(Key* keys, Key* spare, std::int64_t rows, std::int64_t length, StreamHandle stream) {
  int tile = 64;
  while (tile < length && tile < kSortTile) {
    tile *= 2;
  }
  const std::int64_t tiles = (length + tile - 1) / tile;
  launch(tile_sort_kernel<Key>, rows * tiles, tile / 2, sizeof(SortTile<Key>), stream, keys, length,
         tile, tiles);
  for (std::int64_t run = tile; run < length; run *= 2) {
    launch_elements(merge_kernel<Key>, rows * length, stream, keys, spare, rows, length, run);
    std::swap(keys, spare);
  }
  return keys;
}

}  // namespace temper::cuda
