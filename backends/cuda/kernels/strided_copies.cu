// A thread per element that is moved or filled. Where the neighbours of the source lie far apart in
// the target, tiles are turned in shared memory, so that both are walked along their memory.
#include "backends/cuda/device/element_bytes.cuh"
#include "backends/cuda/kernels/strided_copies.h"
#include "backends/cuda/launch.cuh"

namespace temper::cuda {
namespace {

template <class T>
__global__ void __launch_bounds__(kBlock)
    copy_kernel(const Places<2> places, const T* __restrict__ x, T* __restrict__ y) {
  const std::int64_t i = thread_number();
  if (i < places.count) {
    y[places.find(i, 1)] = x[places.find(i, 0)];
  }
}

constexpr int kTile = 32;

// A row more than it has, so that a column's elements lie in different banks.
template <class T>
struct Tile {
  T of[kTile][kTile + 1];
};

// The two axes that are turned: `across` is the source's memory, `along` the target's. All others
// are those of `places`.
struct Turn {
  std::int64_t across = 0, along = 0;  // their sizes
  std::int64_t across_step = 0;        // of the target
  std::int64_t along_step = 0;         // of the source
  std::int64_t across_tiles = 0, along_tiles = 0;
};

template <class T>
__global__ void __launch_bounds__(kBlock) turn_kernel(const Places<2> places, const Turn turn,
                                                      const T* __restrict__ x, T* __restrict__ y) {
  Tile<T>& tile = shared_as<Tile<T>>();
  std::int64_t block = blockIdx.x;
  const std::int64_t across = block % turn.across_tiles * kTile;
  block /= turn.across_tiles;
  const std::int64_t along = block % turn.along_tiles * kTile;
  const std::int64_t outer = block / turn.along_tiles;
  const int lane = static_cast<int>(threadIdx.x) % kTile;
  const int first = static_cast<int>(threadIdx.x) / kTile;
  const T* from = x + places.find(outer, 0);
  for (int row = first; row < kTile; row += kBlock / kTile) {
    if (across + lane < turn.across && along + row < turn.along) {
      tile.of[row][lane] = from[across + lane + (along + row) * turn.along_step];
    }
  }
  __syncthreads();
  T* to = y + places.find(outer, 1);
  for (int row = first; row < kTile; row += kBlock / kTile) {
    if (along + lane < turn.along && across + row < turn.across) {
      to[along + lane + (across + row) * turn.across_step] = tile.of[lane][row];
    }
  }
}

// The axis a tensor is contiguous along, or -1.
int contiguous_axis(const Places<2>& places, int tensor) {
  for (int axis = 0; axis < places.rank; ++axis) {
    if (places.steps[tensor][axis] == 1) {
      return axis;
    }
  }
  return -1;
}

// False where nothing is to be gained by it.
bool find_turn(Places<2>& places, Turn& turn) {
  constexpr std::int64_t kWorth = 8;
  const int across = contiguous_axis(places, 0), along = contiguous_axis(places, 1);
  if (across < 0 || along < 0 || across == along || places.sizes[across] < kWorth ||
      places.sizes[along] < kWorth || places.steps[0][along] == 0) {
    return false;
  }
  turn.across = places.sizes[across];
  turn.along = places.sizes[along];
  turn.across_step = places.steps[1][across];
  turn.along_step = places.steps[0][along];
  turn.across_tiles = (turn.across + kTile - 1) / kTile;
  turn.along_tiles = (turn.along + kTile - 1) / kTile;
  Places<2> outer = places;
  outer.rank = 0;
  outer.count = 1;
  for (int axis = 0; axis < places.rank; ++axis) {
    if (axis == across || axis == along) {
      continue;
    }
    outer.sizes[outer.rank] = places.sizes[axis];
    outer.steps[0][outer.rank] = places.steps[0][axis];
    outer.steps[1][outer.rank] = places.steps[1][axis];
    outer.count *= places.sizes[axis];
    ++outer.rank;
  }
  places = outer;
  return true;
}

template <class T>
__global__ void __launch_bounds__(kBlock) fill_kernel(T value, T* y, std::int64_t count) {
  const std::int64_t i = thread_number();
  if (i < count) {
    y[i] = value;
  }
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    copy_if_kernel(const bool* ok, const T* x, T* y, std::int64_t count) {
  const std::int64_t i = thread_number();
  if (i < count && *ok) {
    y[i] = x[i];
  }
}

}  // namespace

void copy_strided(const Places<2>& places, std::size_t element_bytes, const void* x, void* y,
                  StreamHandle stream) {
  Places<2> outer = places;
  Turn turn;
  const bool turns = places.count > 0 && find_turn(outer, turn);
  visit_bytes(element_bytes, [&]<class T>(T) {
    if (turns) {
      launch(turn_kernel<T>, outer.count * turn.across_tiles * turn.along_tiles, kBlock,
             sizeof(Tile<T>), stream, outer, turn, static_cast<const T*>(x), static_cast<T*>(y));
      return;
    }
    launch_elements(copy_kernel<T>, places.count, stream, places, static_cast<const T*>(x),
                    static_cast<T*>(y));
  });
}

void fill_elements(std::size_t element_bytes, std::uint64_t bits, void* y, std::int64_t count,
                   StreamHandle stream) {
  visit_bytes(element_bytes, [&]<class T>(T) {
    launch_elements(fill_kernel<T>, count, stream, static_cast<T>(bits), static_cast<T*>(y), count);
  });
}

void copy_if(const bool* ok, const void* x, void* y, std::int64_t bytes, StreamHandle stream) {
  const auto move = [&]<class T>(T) {
    const auto count = bytes / static_cast<std::int64_t>(sizeof(T));
    launch_elements(copy_if_kernel<T>, count, stream, ok, static_cast<const T*>(x),
                    static_cast<T*>(y), count);
  };
  // Tensors are aligned, so that whole words can be moved.
  if (bytes % 4 == 0) {
    move(std::uint32_t{});
  } else {
    move(std::uint8_t{});
  }
}

}  // namespace temper::cuda
