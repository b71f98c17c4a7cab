#include "backends/cpu/vector_loops.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "backends/cpu/instruction_sets.h"
#include "backends/cpu/vector_math.h"

// target_clones makes one copy per instruction set.
namespace temper::cpu {
namespace {

constexpr int kLanes = 16;

// The sum of f(x) in double: lane j takes elements j, j + 16, ...
template <class F>
[[gnu::always_inline]] inline double lane_sum(const F& f, const float* x, std::int64_t n) {
  double lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) {
      lanes[j] += f(static_cast<double>(x[i + j]));
    }
  }
  for (int j = 0; i < n; ++i, ++j) {
    lanes[j] += f(static_cast<double>(x[i]));
  }
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int j = 0; j < width; ++j) {
      lanes[j] += lanes[j + width];
    }
  }
  return lanes[0];
}

constexpr std::int64_t kSummedColumns = 32;

// totals[j] += x[i * step + j] for j < kSummedColumns and all i < rows
[[gnu::always_inline]] inline void add_columns_to(double* totals, const float* x, std::int64_t step,
                                                  std::int64_t rows) {
  using Doubles [[gnu::vector_size(64)]] = double;
  using Floats [[gnu::vector_size(32)]] = float;
  constexpr std::int64_t kParts = kSummedColumns / 8;
  Doubles sums[kParts];
  std::memcpy(sums, totals, sizeof sums);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t part = 0; part < kParts; ++part) {
      Floats values;
      std::memcpy(&values, x + i * step + part * 8, sizeof values);
      sums[part] += __builtin_convertvector(values, Doubles);
    }
  }
  std::memcpy(totals, sums, sizeof sums);
}

}  // namespace

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
double sum(const float* x, std::int64_t n) {
  return lane_sum([](double v) { return v; }, x, n);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
double sum_of_squares(const float* x, std::int64_t n) {
  return lane_sum([](double v) { return v * v; }, x, n);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void add_to(double* totals, const float* x, std::int64_t n) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) {
    totals[i] += static_cast<double>(x[i]);
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void add_rows_to(double* totals, const float* x, std::int64_t step, std::int64_t rows,
                 std::int64_t n) {
  // Few rows at a time, so that whole pages are read, and few columns, whose sums stay in
  // registers.
  constexpr std::int64_t kRows = 32;
  for (std::int64_t top = 0; top < rows; top += kRows, x += kRows * step) {
    const std::int64_t count = std::min(kRows, rows - top);
    std::int64_t j = 0;
    for (; j + kSummedColumns <= n; j += kSummedColumns) {
      add_columns_to(totals + j, x + j, step, count);
    }
    for (std::int64_t i = 0; j < n && i < count; ++i) {
      for (std::int64_t rest = j; rest < n; ++rest) {
        totals[rest] += static_cast<double>(x[i * step + rest]);
      }
    }
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
bool all_finite(const float* x, std::int64_t n) {
  std::uint32_t bad = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint32_t exponent = std::bit_cast<std::uint32_t>(x[i]) & 0x7f800000u;
    bad |= exponent == 0x7f800000u ? 1u : 0u;
  }
  return bad == 0;
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void log_softmax_row(const float* x, float* y, std::int64_t n) {
  float tops[kLanes];
  std::fill(tops, tops + kLanes, -std::numeric_limits<float>::infinity());
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) {
      tops[j] = x[i + j] > tops[j] ? x[i + j] : tops[j];
    }
  }
  for (; i < n; ++i) {
    tops[0] = x[i] > tops[0] ? x[i] : tops[0];
  }
  const float top = *std::max_element(tops, tops + kLanes);
  double lanes[kLanes] = {};
  for (i = 0; i + kLanes <= n; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) {
      lanes[j] += static_cast<double>(exp_of(x[i + j] - top));
    }
  }
  for (int j = 0; i < n; ++i, ++j) {
    lanes[j] += static_cast<double>(exp_of(x[i] - top));
  }
  double total = 0;
  for (const double lane : lanes) {
    total += lane;
  }
  const double log_sum = std::log(total);
  const double shift = static_cast<double>(top) + log_sum;
#pragma GCC ivdep
  for (i = 0; i < n; ++i) {
    y[i] = static_cast<float>(static_cast<double>(x[i]) - shift);
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void cross_entropy_grad_row(const float* log_prob, const float* weights, float factor,
                            float target_sum, float spread, float* y, std::int64_t n) {
  if (weights == nullptr) {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      y[i] = factor * (exp_of(log_prob[i]) * target_sum - spread);
    }
    return;
  }
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = factor * (exp_of(log_prob[i]) * target_sum - spread * weights[i]);
  }
}

}  // namespace temper::cpu
