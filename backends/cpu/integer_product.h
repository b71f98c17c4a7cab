// Convolutions and matrix products of u8 and i8 whose sums become floats or, rounded again, bytes:
//   y = saturate(round(min(max(v, 0), ceiling) / y_scale) + y_zero),
//   v = sum (x - x_zero) w * (x_scale * w_scale) + bias
// with sums exact in 32 bits. Pictures have channels innermost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "backends/cpu/integer_panels.h"
#include "runtime/base/rectifier.h"
#include "runtime/base/window.h"

namespace temper::cpu {

// One product: rows of x, found in pieces, times the columns of each group.
struct IntegerPlan {
  std::int64_t rows = 0;                 // of y: places of all pictures, or rows of matrices
  std::int64_t groups = 1, columns = 0;  // of a group
  std::int64_t pieces = 1, depth = 0;    // bytes of a piece
  // Rows of x lie one behind the other where there are no offsets; else those of a sample: for each
  // piece where that of each row begins, -1 where it is padding.
  std::int64_t row_step = 0;
  std::int64_t sample_rows = 0, sample_bytes = 0;
  std::vector<std::int32_t> offsets;
  // Pictures of few channels are copied between borders of padding, so that a window's row is one
  // piece of all its taps.
  bool bordered = false;
  Spatial input{1, 1, 1}, with_border{1, 1, 1}, border{};
  std::int64_t samples = 1, channels = 0;
  // A convolution of each channel by itself: one group of `columns` channels.
  bool per_channel = false;
  // Of the weight: [groups, columns, channels, taps] or [depth, columns] by these steps.
  std::int64_t column_step = 0, channel_step = 0, tap_step = 0;
  std::int64_t taps_of_piece = 1;
  Rectifier rectifier;
  bool gives_bytes = false;
  float least = 0, most = 255;  // of the bytes
  int threads = 1;

  std::int64_t outputs() const { return groups * columns; }
};

// "" or why not; `y` is what the shape rule made.
std::string plan_integer_conv(const Attrs& attrs, const Shape& x, const Shape& w, const Shape& y,
                              IntegerPlan& plan);
std::string plan_integer_matrices(const Shape& x, const Shape& w, bool transposed,
                                  IntegerPlan& plan);

// What a run reads beside the plan. Null scales are 1, no bias is 0.
struct IntegerOperands {
  const std::uint8_t* x = nullptr;
  const void* weight = nullptr;  // as pack_integer_weight made it
  const float* x_scale = nullptr;
  std::uint8_t x_zero = 0;
  const float* w_scale = nullptr;
  bool scale_per_column = false;
  const float* bias = nullptr;
  const float* y_scale = nullptr;
  float y_zero = 0;
};

std::size_t packed_integer_bytes(const IntegerPlan& plan);
void pack_integer_weight(const IntegerPlan& plan, const std::int8_t* weight, void* packed);

std::size_t integer_workspace_bytes(const IntegerPlan& plan);
void run_integer_product(const IntegerPlan& plan, const IntegerOperands& operands, void* y,
                         void* workspace);

}  // namespace temper::cpu
