// Each breaks one rule, and is as small as can be.
#include "backends/cuda/launch.cuh"
#include "tests/cuda_rules/broken_kernels.h"

namespace temper::cuda {
namespace {

constexpr unsigned kFull = 0xffffffffu;

struct Tile {
  float values[kBrokenThreads];
  float sums[kBrokenThreads / 32];
};

// Right with any number of blocks: each writes elements of its own.
__global__ void right(const float* x, float* y, int* counter) {
  Tile& tile = shared_as<Tile>();
  const int i = static_cast<int>(threadIdx.x);
  tile.values[i] = x[i];
  float sum = x[i];
  for (int step = 16; step > 0; step /= 2) {
    sum += __shfl_xor_sync(kFull, sum, step);
  }
  if (i % 32 == 0) {
    tile.sums[i / 32] = sum;
  }
  __syncthreads();
  atomicAdd(counter, 1);
  const int share = kBrokenThreads / static_cast<int>(gridDim.x);
  if (i / share == static_cast<int>(blockIdx.x)) {
    y[i] = tile.values[kBrokenThreads - 1 - i] + (tile.sums[0] + tile.sums[1]);
  }
}

__global__ void clear(int* counter) {
  if (thread_number() == 0) {
    *counter = 0;
  }
}

__global__ void read_behind(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x + 1]; }

__global__ void write_behind(const float* x, float* y) { y[threadIdx.x + 1] = x[threadIdx.x]; }

__global__ void write_behind_shared(const float* x, float* y) {
  float* values = shared_as<Tile>().values;
  values[threadIdx.x + sizeof(Tile) / sizeof(float) - kBrokenThreads + 1] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = values[threadIdx.x];
}

struct alignas(16) Four {
  float values[4];
};

__global__ void misaligned(const float* x, float* y) {
  y[threadIdx.x] = reinterpret_cast<const Four*>(x + 1)->values[threadIdx.x % 4];
}

__global__ void missing_barrier(const float* x, float* y) {
  float* values = shared_as<Tile>().values;
  values[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = values[kBrokenThreads - 1 - threadIdx.x];
}

__global__ void missing_second_barrier(const float* x, float* y) {
  float* values = shared_as<Tile>().values;
  float sum = 0;
  for (int turn = 0; turn < 2; ++turn) {
    values[threadIdx.x] = x[threadIdx.x] * static_cast<float>(turn + 1);
    __syncthreads();
    sum += values[kBrokenThreads - 1 - threadIdx.x];
  }
  y[threadIdx.x] = sum;
}

__global__ void missing_warp_barrier(const float* x, float* y) {
  float* values = shared_as<Tile>().values;
  values[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = values[threadIdx.x ^ 1u];
}

// Barriers of a block order nothing between blocks.
__global__ void two_blocks(const float* x, float* y) {
  __syncthreads();
  y[threadIdx.x] += x[threadIdx.x];
  __syncthreads();
}

__global__ void first_and_last_block(const float* x, float* y) {
  if (blockIdx.x % (gridDim.x - 1) == 0) {
    y[threadIdx.x] += x[threadIdx.x];
  }
}

__global__ void divergent_barrier(const float* x, float* y) {
  if (threadIdx.x < 32) {
    __syncthreads();
  }
  y[threadIdx.x] = x[threadIdx.x];
}

__global__ void two_barrier_lines(const float* x, float* y) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  y[threadIdx.x] = x[threadIdx.x];
}

__global__ void early_return(const float* x, float* y) {
  if (threadIdx.x == 7) {
    return;
  }
  __syncthreads();
  y[threadIdx.x] = x[threadIdx.x];
}

__global__ void half_warp(const float* x, float* y) {
  float value = x[threadIdx.x];
  if (threadIdx.x % 32 < 16) {
    value += __shfl_xor_sync(kFull, value, 1);
  }
  y[threadIdx.x] = value;
}

__global__ void half_mask(const float* x, float* y) {
  y[threadIdx.x] = __shfl_xor_sync(0xffffu, x[threadIdx.x], 1);
}

__global__ void copy_through_shared(const float* x, float* y) {
  float* values = shared_as<Tile>().values;
  values[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = values[threadIdx.x];
}

__global__ void unwritten_shared(const float* x, float* y) {
  float* values = shared_as<Tile>().values;
  if (threadIdx.x != 5) {
    values[threadIdx.x] = x[threadIdx.x];
  }
  __syncthreads();
  y[threadIdx.x] = values[threadIdx.x];
}

}  // namespace

void run_broken(Broken kind, const float* x, float* y, StreamHandle stream) {
  const auto run = [&](void (*kernel)(const float*, float*), std::size_t shared_bytes = 0,
                       int blocks = 1) {
    launch(kernel, blocks, kBrokenThreads, shared_bytes, stream, x, y);
  };
  int* counter = nullptr;
  switch (kind) {
    case Broken::kNothing:
      counter = static_cast<int*>(allocate(sizeof(int)));
      launch(clear, 1, 32, 0, stream, counter);
      launch(right, 8, kBrokenThreads, sizeof(Tile), stream, x, y, counter);
      return;
    case Broken::kReadBehind:
      return run(read_behind);
    case Broken::kWriteBehind:
      return run(write_behind);
    case Broken::kWriteBehindShared:
      return run(write_behind_shared, sizeof(Tile));
    case Broken::kMisaligned:
      return run(misaligned);
    case Broken::kMissingBarrier:
      return run(missing_barrier, sizeof(Tile));
    case Broken::kMissingSecondBarrier:
      return run(missing_second_barrier, sizeof(Tile));
    case Broken::kMissingWarpBarrier:
      return run(missing_warp_barrier, sizeof(Tile));
    case Broken::kTwoBlocks:
      return run(two_blocks, 0, 2);
    case Broken::kFirstAndLastBlock:
      return run(first_and_last_block, 0, 40);
    case Broken::kDivergentBarrier:
      return run(divergent_barrier);
    case Broken::kTwoBarrierLines:
      return run(two_barrier_lines);
    case Broken::kEarlyReturn:
      return run(early_return);
    case Broken::kHalfWarp:
      return run(half_warp);
    case Broken::kHalfMask:
      return run(half_mask);
    case Broken::kTooLittleShared:
      return run(copy_through_shared, sizeof(Tile) - 4);
    case Broken::kUnwrittenShared:
      return run(unwritten_shared, sizeof(Tile));
  }
}

}  // namespace temper::cuda
