// Loops of reductions over contiguous memory, beside the sums of vector_loops.h. Each has a fixed
// order: 16 lanes, then one after the other.
#pragma once

#include <cstdint>

namespace temper::cpu {

double sum(const double* x, std::int64_t n);
// totals[j] += x[j]
void add_to(double* totals, const double* x, std::int64_t n);

// y[j] = the sum of x[i * step + j] over all rows, in double, rounded once.
void sum_rows(int threads, const float* x, std::int64_t step, std::int64_t rows,
              std::int64_t columns, float* y);

// NaN where there is one; n > 0.
float largest(const float* x, std::int64_t n);
double largest(const double* x, std::int64_t n);
float smallest(const float* x, std::int64_t n);
double smallest(const double* x, std::int64_t n);
// best[j] = max(best[j], x[j]), or min
void raise_to(float* best, const float* x, std::int64_t n);
void raise_to(double* best, const double* x, std::int64_t n);
void lower_to(float* best, const float* x, std::int64_t n);
void lower_to(double* best, const double* x, std::int64_t n);

}  // namespace temper::cpu
