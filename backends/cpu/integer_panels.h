// Products of bytes, u8 times i8 with sums in i32, for matrices whose right factor lies in panels
// of up to 64 columns: [four rows of b][column][row within the four], so that one instruction
// multiplies four neighbours of a's row with four of each column's. The left factor's rows are
// found by pointers, in several pieces: the windows of a convolution are such rows.
#pragma once

#include <cstdint>
#include <span>

namespace temper::cpu {

inline constexpr std::int64_t kIntegerLanes = 16;     // columns of a vector of sums
inline constexpr std::int64_t kIntegerVectors = 4;    // of a panel at most
inline constexpr std::int64_t kIntegerDepth = 4;      // rows of b side by side
inline constexpr std::int64_t kMostIntegerRows = 12;  // of a tile

// Where a tile's rows of a lie: piece p of row r begins at pieces[p * piece_step + r] and has
// `depth` bytes; the panel has the pieces' rows one behind the other, each piece filled up to
// fours.
struct IntegerTile {
  const std::uint8_t* const* pieces = nullptr;
  std::int64_t piece_step = 0;
  std::int64_t piece_count = 0;
  std::int64_t depth = 0;
  const std::int8_t* panel = nullptr;
  const std::int32_t* start = nullptr;  // what each column's sum begins with, to whole vectors
};

// sums[row][column] of a tile of the kernel's rows and columns.
using IntegerKernel = void (*)(const IntegerTile& tile, std::int32_t* sums);

// A convolution of each channel by itself: piece p of a place has its channels, of which `width`
// from `first` on, at most kChannelPanel, are multiplied with the panel: [four pieces][channel % 16
// / 4] [channel / 16][channel % 4][piece within the four], the order in which bytes are
// interleaved.
struct ChannelTile {
  const std::uint8_t* const* pieces = nullptr;
  std::int64_t piece_step = 0;
  std::int64_t piece_count = 0;
  std::int64_t first = 0, width = 0;
  const std::int8_t* panel = nullptr;
  const std::int32_t* start = nullptr;
};
inline constexpr std::int64_t kChannelPanel = 64;
// sums[place][kChannelPanel] of `places` neighbours, whose pieces stand one behind the other.
using ChannelKernel = void (*)(const ChannelTile& tile, std::int64_t places, std::int32_t* sums);

// What becomes of sums: sum * factor + addend for each column, held between two numbers and, of
// bytes, rounded to the nearest, ties to even, and `zero` added.
struct IntegerFinish {
  const float *factor, *addend;
  float low, high;
  std::int32_t zero;
};
// A tile of sums, its rows `sum_step` apart, and where its rows of y begin.
struct FinishedTile {
  const std::int32_t* sums;
  std::int64_t sum_step, rows, width;
  void* y;
  std::int64_t y_step;
};
using FinishKernel = void (*)(const FinishedTile& tile, const IntegerFinish& finish);

// Kernels by the vectors of their panel, 1 to kIntegerVectors: of as many rows as the registers
// hold, and of one.
struct IntegerKernels {
  IntegerKernel many[kIntegerVectors];
  IntegerKernel one[kIntegerVectors];
  std::int64_t rows[kIntegerVectors];
  ChannelKernel channels;
  FinishKernel to_bytes, to_floats;
  const char* instructions;
};

// Those of the processor, the fastest first; none where it has no instruction that is faster than
// products of floats.
std::span<const IntegerKernels* const> integer_kernels_here();

// The fastest, or null.
inline const IntegerKernels* integer_kernels() {
  const auto here = integer_kernels_here();
  return here.empty() ? nullptr : here.front();
}

}  // namespace temper::cpu
