#include "backends/cpu/row_loops.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "backends/cpu/instruction_sets.h"
#include "backends/cpu/lane_totals.h"
#include "backends/cpu/vector_math.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kLanes = 16;
constexpr std::int64_t kSumLanes = 2 * kLanes;  // so that additions need not wait for each other
constexpr std::int64_t kStretch = 16 * kLanes;  // summed in float
using Lanes [[gnu::vector_size(64)]] = float;

// The sums over i of the numbers that f(i, parts) gives, kSums of them: lane j takes i = j, j + 32,
// ...
template <int kSums, class F>
[[gnu::always_inline]] inline std::array<double, kSums> lane_sums(std::int64_t n, const F& f) {
  std::array<double, kSums> totals{};
  for (std::int64_t first = 0; first < n; first += kStretch) {
    const std::int64_t end = std::min(n, first + kStretch);
    float lanes[kSums][kSumLanes] = {};
    std::int64_t i = first;
    for (; i + kSumLanes <= end; i += kSumLanes) {
      for (std::int64_t j = 0; j < kSumLanes; ++j) {
        float parts[kSums];
        f(i + j, parts);
        for (int k = 0; k < kSums; ++k) {
          lanes[k][j] += parts[k];
        }
      }
    }
    for (std::int64_t j = 0; i < end; ++i, ++j) {
      float parts[kSums];
      f(i, parts);
      for (int k = 0; k < kSums; ++k) {
        lanes[k][j] += parts[k];
      }
    }
    for (int k = 0; k < kSums; ++k) {
      float sums[kLanes];
      for (std::int64_t j = 0; j < kLanes; ++j) {
        sums[j] = lanes[k][j] + lanes[k][j + kLanes];
      }
      totals[static_cast<std::size_t>(k)] += sum_of_lanes(sums);
    }
  }
  return totals;
}

template <class F>
[[gnu::always_inline]] inline void each(std::int64_t n, const F& f) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) {
    f(i);
  }
}

}  // namespace

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
double row_sum(const float* x, std::int64_t n) {
  return lane_sums<1>(n, [=](std::int64_t i, float* parts) { parts[0] = x[i]; })[0];
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
double row_square_sum(const float* x, float mean, std::int64_t n) {
  return lane_sums<1>(n, [=](std::int64_t i, float* parts) {
    const float centred = x[i] - mean;
    parts[0] = centred * centred;
  })[0];
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
double row_product_sum(const float* a, const float* b, std::int64_t n) {
  return lane_sums<1>(n, [=](std::int64_t i, float* parts) { parts[0] = a[i] * b[i]; })[0];
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void normalise_row(const float* x, float mean, float inverse, const float* scale, const float* bias,
                   float* y, std::int64_t n) {
  if (scale == nullptr && bias == nullptr) {
    each(n, [=](std::int64_t i) { y[i] = (x[i] - mean) * inverse; });
  } else if (bias == nullptr) {
    each(n, [=](std::int64_t i) { y[i] = (x[i] - mean) * inverse * scale[i]; });
  } else if (scale == nullptr) {
    each(n, [=](std::int64_t i) { y[i] = (x[i] - mean) * inverse + bias[i]; });
  } else {
    each(n, [=](std::int64_t i) { y[i] = (x[i] - mean) * inverse * scale[i] + bias[i]; });
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
RowGradientSums row_gradient_sums(const float* x, float mean, const float* dy, const float* scale,
                                  std::int64_t n) {
  const std::array<double, 2> sums = scale == nullptr
                                         ? lane_sums<2>(n,
                                                        [=](std::int64_t i, float* parts) {
                                                          parts[0] = dy[i];
                                                          parts[1] = dy[i] * (x[i] - mean);
                                                        })
                                         : lane_sums<2>(n, [=](std::int64_t i, float* parts) {
                                             const float g = dy[i] * scale[i];
                                             parts[0] = g;
                                             parts[1] = g * (x[i] - mean);
                                           });
  return {sums[0], sums[1]};
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
RowGradientSums row_gradient_sums(const float* x, float mean, float inverse, const float* dy,
                                  const float* scale, float* dscale, float* dbias, std::int64_t n) {
  const RowGradientSums sums = row_gradient_sums(x, mean, dy, scale, n);
  each(n, [=](std::int64_t i) {
    dscale[i] += dy[i] * ((x[i] - mean) * inverse);
    dbias[i] += dy[i];
  });
  return sums;
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void normalise_row_grad(const float* x, const float* dy, const float* scale,
                        const RowGradient& gradient, float* dx, std::int64_t n) {
  const auto [mean, factor, slope, constant] = gradient;
  if (scale == nullptr) {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      dx[i] = dy[i] * factor - ((x[i] - mean) * slope + constant);
    }
    return;
  }
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) {
    dx[i] = dy[i] * scale[i] * factor - ((x[i] - mean) * slope + constant);
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void flush_to(double* totals, float* parts, std::int64_t n) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) {
    totals[i] += static_cast<double>(parts[i]);
    parts[i] = 0;
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
std::int64_t row_extremum(const float* x, std::int64_t n, bool smallest, bool last_wins) {
  // Of the elements times a sign the largest; the comparison is false on NaN, which is told
  // apart.
  constexpr std::int64_t kBlock = 4 * kLanes;
  const float sign = smallest ? -1.0f : 1.0f;
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  Lanes tops = Lanes{} + kLowest, odds = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    Lanes value;
    std::memcpy(&value, x + i, sizeof value);
    value *= sign;
    tops = value > tops ? value : tops;
    odds = value == value ? odds : Lanes{} + 1.0f;
  }
  float top = kLowest;
  bool odd = false;
  for (std::int64_t j = 0; j < kLanes; ++j) {
    top = tops[j] > top ? tops[j] : top;
    odd |= odds[j] != 0;
  }
  for (; i < n; ++i) {
    top = sign * x[i] > top ? sign * x[i] : top;
    odd |= x[i] != x[i];
  }
  const float best = sign * top;
  // By blocks, of which the first that has it is looked through.
  for (i = 0; i < n; i += kBlock) {
    const std::int64_t count = std::min(kBlock, n - i);
    const float* block = last_wins ? x + (n - i - count) : x + i;
    float found = 0;
    for (std::int64_t j = 0; j < count; ++j) {
      found += (odd ? block[j] != block[j] : block[j] == best) ? 1.0f : 0.0f;
    }
    for (std::int64_t j = 0; j < count && found != 0; ++j) {
      const float* at = last_wins ? block + (count - 1 - j) : block + j;
      if (odd ? *at != *at : *at == best) {
        return at - x;
      }
    }
  }
  return 0;
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void softmax_row_grad(const float* dy, const float* y, float sum, float* dx, std::int64_t n) {
  each(n, [=](std::int64_t i) { dx[i] = y[i] * (dy[i] - sum); });
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void log_softmax_row_grad(const float* dy, const float* y, float sum, float* dx, std::int64_t n) {
  each(n, [=](std::int64_t i) { dx[i] = dy[i] - exp_of(y[i]) * sum; });
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void softmax_column_grad(const float* dy, const float* y, const double* sums, float* dx,
                         std::int64_t n) {
  each(n, [=](std::int64_t i) { dx[i] = y[i] * (dy[i] - static_cast<float>(sums[i])); });
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void log_softmax_column_grad(const float* dy, const float* y, const double* sums, float* dx,
                             std::int64_t n) {
  each(n, [=](std::int64_t i) { dx[i] = dy[i] - exp_of(y[i]) * static_cast<float>(sums[i]); });
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void add_products_to(double* totals, const float* a, const float* b, std::int64_t n) {
  each(n, [=](std::int64_t i) { totals[i] += static_cast<double>(a[i] * b[i]); });
}

}  // namespace temper::cpu
