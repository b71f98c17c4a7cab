#include "backends/cpu/product_loops.h"

#include "backends/cpu/instruction_sets.h"

namespace temper::cpu {
namespace {

constexpr int kLanes = 16;

}  // namespace

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void add_scaled(float factor, const float* x, float* y, std::int64_t n) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] += factor * x[i];
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void add_channel_products(const PixelRows& rows, const float* x, const float* w, float* y) {
  std::int64_t i = 0;
  for (; i + kLanes <= rows.channels; i += kLanes) {
    float factors[kLanes];
    for (int j = 0; j < kLanes; ++j) {
      factors[j] = w[i + j];
    }
    for (std::int64_t p = 0; p < rows.count; ++p) {
      const float* from = x + p * rows.x_step + i;
      float* to = y + p * rows.y_step + i;
#pragma GCC ivdep
      for (int j = 0; j < kLanes; ++j) {
        to[j] += from[j] * factors[j];
      }
    }
  }
  for (std::int64_t p = 0; p < rows.count && i < rows.channels; ++p) {
    for (std::int64_t j = i; j < rows.channels; ++j) {
      y[p * rows.y_step + j] += x[p * rows.x_step + j] * w[j];
    }
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void add_channel_sums(const PixelRows& rows, const float* x, const float* y, float* w) {
  std::int64_t i = 0;
  for (; i + kLanes <= rows.channels; i += kLanes) {
    float sums[kLanes];
    for (int j = 0; j < kLanes; ++j) {
      sums[j] = w[i + j];
    }
    for (std::int64_t p = 0; p < rows.count; ++p) {
      const float* a = x + p * rows.x_step + i;
      const float* b = y + p * rows.y_step + i;
      for (int j = 0; j < kLanes; ++j) {
        sums[j] += a[j] * b[j];
      }
    }
    for (int j = 0; j < kLanes; ++j) {
      w[i + j] = sums[j];
    }
  }
  for (std::int64_t p = 0; p < rows.count && i < rows.channels; ++p) {
    for (std::int64_t j = i; j < rows.channels; ++j) {
      w[j] += x[p * rows.x_step + j] * y[p * rows.y_step + j];
    }
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void finish_rows(const Rectifier& rectifier, const float* addend, float* y, std::int64_t rows,
                 std::int64_t step, std::int64_t n) {
  const bool on = rectifier.on;
  const auto top = static_cast<float>(rectifier.ceiling);
  for (std::int64_t r = 0; r < rows; ++r, y += step) {
    if (addend != nullptr) {
#pragma GCC ivdep
      for (std::int64_t i = 0; i < n; ++i) {
        y[i] += addend[i];
      }
    }
    if (on) {
      for (std::int64_t i = 0; i < n; ++i) {  // NaN stays
        const float low = y[i] < 0.0f ? 0.0f : y[i];
        y[i] = low > top ? top : low;
      }
    }
  }
}

}  // namespace temper::cpu
