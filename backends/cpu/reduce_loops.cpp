#include "backends/cpu/reduce_loops.h"

#include <algorithm>

#include "backends/common/functors.h"
#include "backends/cpu/instruction_sets.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/vector_loops.h"

namespace temper::cpu {
namespace {

constexpr int kLanes = 16;

template <class T, class F>
[[gnu::always_inline]] inline T fold_lanes(const F& f, T start, const T* x, std::int64_t n) {
  T lanes[kLanes];
  std::fill(lanes, lanes + kLanes, start);
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) {
      lanes[j] = f(lanes[j], x[i + j]);
    }
  }
  for (int j = 0; i < n; ++i, ++j) {
    lanes[j] = f(lanes[j], x[i]);
  }
  for (int j = 1; j < kLanes; ++j) {
    lanes[0] = f(lanes[0], lanes[j]);
  }
  return lanes[0];
}

template <class T, class F>
[[gnu::always_inline]] inline void fold_each(const F& f, T* totals, const T* x, std::int64_t n) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) {
    totals[i] = f(totals[i], x[i]);
  }
}

}  // namespace

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
double sum(const double* x, std::int64_t n) { return fold_lanes(functors::Add{}, 0.0, x, n); }

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void add_to(double* totals, const double* x, std::int64_t n) {
  fold_each(functors::Add{}, totals, x, n);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
float largest(const float* x, std::int64_t n) { return fold_lanes(functors::Max{}, *x, x, n); }

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
double largest(const double* x, std::int64_t n) { return fold_lanes(functors::Max{}, *x, x, n); }

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
float smallest(const float* x, std::int64_t n) { return fold_lanes(functors::Min{}, *x, x, n); }

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
double smallest(const double* x, std::int64_t n) { return fold_lanes(functors::Min{}, *x, x, n); }

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void raise_to(float* best, const float* x, std::int64_t n) {
  fold_each(functors::Max{}, best, x, n);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void raise_to(double* best, const double* x, std::int64_t n) {
  fold_each(functors::Max{}, best, x, n);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void lower_to(float* best, const float* x, std::int64_t n) {
  fold_each(functors::Min{}, best, x, n);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void lower_to(double* best, const double* x, std::int64_t n) {
  fold_each(functors::Min{}, best, x, n);
}

void sum_rows(int threads, const float* x, std::int64_t step, std::int64_t rows,
              std::int64_t columns, float* y) {
  constexpr std::int64_t kColumns = 256;
  parallel_ranges(threads, columns, kColumns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t first = begin; first < end; first += kColumns) {
      const std::int64_t count = std::min(kColumns, end - first);
      double totals[kColumns] = {};
      add_rows_to(totals, x + first, step, rows, count);
      for (std::int64_t j = 0; j < count; ++j) {
        y[first + j] = static_cast<float>(totals[j]);
      }
    }
  });
}

}  // namespace temper::cpu
