// The two products of attention over tiles in shared memory: a block has kOwn rows of its own, each
// of its warps kPerWarp of them, and goes through the other rows kOther at a time, one for each
// lane.
#pragma once

#include "backends/cuda/launch.cuh"

namespace temper::cuda {

inline constexpr int kAttentionWarps = 4, kPerWarp = 4;
inline constexpr int kOwn = kAttentionWarps * kPerWarp, kOther = 32;
inline constexpr int kChunk = 64;  // elements of a row that are in shared memory

struct AttentionTile {
  float own[kOwn][kChunk];
  float other[kOther][kChunk + 1];
  float weights[kOwn][kOther], more_weights[kOwn][kOther];
};

template <class T>
struct TileMatrix {
  const T* first;
  std::int64_t rows, columns, row_step, column_step;
};

// Rows from `row` on, and of each kChunk elements from `column` on; 0 behind the ends.
template <class T>
__device__ __forceinline__ void load_tile(const TileMatrix<T>& from, std::int64_t row,
                                          std::int64_t column, int rows, float* to, int step) {
  const bool turned = from.row_step == 1 && from.column_step != 1;
  for (int t = static_cast<int>(threadIdx.x); t < rows * kChunk;
       t += static_cast<int>(blockDim.x)) {
    const int r = turned ? t % rows : t / kChunk, c = turned ? t / rows : t % kChunk;
    const bool there = row + r < from.rows && column + c < from.columns;
    to[r * step + c] =
        there ? static_cast<float>(
                    from.first[(row + r) * from.row_step + (column + c) * from.column_step])
              : 0.0f;
  }
}

// sums[r] = the product of the warp's row r and the lane's other row
template <class T>
__device__ __forceinline__ void multiply_rows(AttentionTile& tile, const TileMatrix<T>& own,
                                              std::int64_t first_own, const TileMatrix<T>& other,
                                              std::int64_t first_other, float (&sums)[kPerWarp]) {
  const int first = static_cast<int>(threadIdx.x) / 32 * kPerWarp;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (int r = 0; r < kPerWarp; ++r) {
    sums[r] = 0;
  }
  for (std::int64_t column = 0; column == 0 || column < own.columns; column += kChunk) {
    __syncthreads();  // the tile may still be read
    load_tile(own, first_own, column, kOwn, &tile.own[0][0], kChunk);
    load_tile(other, first_other, column, kOther, &tile.other[0][0], kChunk + 1);
    __syncthreads();
    for (int e = 0; e < kChunk; ++e) {
      const float value = tile.other[lane][e];
      for (int r = 0; r < kPerWarp; ++r) {
        sums[r] += tile.own[first + r][e] * value;
      }
    }
  }
}

// sums[r] += the other rows times the weights of the warp's row r; element 32 a + lane of a row is
// sums[r][a].
template <int kMost, class T>
__device__ __forceinline__ void add_rows(AttentionTile& tile, const float (&weights)[kOwn][kOther],
                                         const TileMatrix<T>& other, std::int64_t first_other,
                                         float (&sums)[kPerWarp][kMost / 32]) {
  const int first = static_cast<int>(threadIdx.x) / 32 * kPerWarp;
  const int lane = static_cast<int>(threadIdx.x) % 32;
#ifdef __CUDACC__
#pragma unroll  // else the sums would not be in registers
#endif
  for (int chunk = 0; chunk < kMost / kChunk; ++chunk) {
    if (chunk * kChunk < other.columns) {
      __syncthreads();  // weights are written, and the tile may still be read
      load_tile(other, first_other, chunk * kChunk, kOther, &tile.other[0][0], kChunk + 1);
      __syncthreads();
      for (int j = 0; j < kOther; ++j) {
        for (int half = 0; half < kChunk / 32; ++half) {
          const float value = tile.other[j][32 * half + lane];
          for (int r = 0; r < kPerWarp; ++r) {
            sums[r][chunk * (kChunk / 32) + half] += weights[first + r][j] * value;
          }
        }
      }
    }
  }
}

}  // namespace temper::cuda
