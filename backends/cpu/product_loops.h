// Rows of sums of products in f32, in AVX-512, AVX2 and plain form: what small products,
// convolutions of single channels and average pooling are made of.
#pragma once

#include <cstdint>

#include "runtime/base/rectifier.h"

namespace temper::cpu {

// y[i] += factor * x[i]
void add_scaled(float factor, const float* x, float* y, std::int64_t n);

// For `count` pixels of x and y, so many elements apart: y[i] += x[i] * w[i] in n channels.
struct PixelRows {
  std::int64_t count = 0, x_step = 0, y_step = 0, channels = 0;
};
void add_channel_products(const PixelRows& rows, const float* x, const float* w, float* y);
// w[i] += sum over the pixels of x[i] * y[i]
void add_channel_sums(const PixelRows& rows, const float* x, const float* y, float* w);

// y = rectified(y + addend), rows of n elements `step` apart; null: nothing is added.
void finish_rows(const Rectifier& rectifier, const float* addend, float* y, std::int64_t rows,
                 std::int64_t step, std::int64_t n);

}  // namespace temper::cpu
