// Sums and rows over contiguous f32 memory in AVX-512, AVX2 and plain x86-64 form, chosen at run
// time. All forms do the same operations on each element.
#pragma once

#include <cstddef>
#include <cstdint>

namespace temper::cpu {

// Sums in double in a fixed order: 16 lanes, then a tree over them.
double sum(const float* x, std::int64_t n);
double sum_of_squares(const float* x, std::int64_t n);
// totals[j] += x[j]
void add_to(double* totals, const float* x, std::int64_t n);
// The same for `rows` rows in turn, `step` elements apart.
void add_rows_to(double* totals, const float* x, std::int64_t step, std::int64_t rows,
                 std::int64_t n);

bool all_finite(const float* x, std::int64_t n);

// One row of log-softmax: y = x - max - log(sum(exp(x - max))). y may be x.
void log_softmax_row(const float* x, float* y, std::int64_t n);
// y[i] = factor * (exp(log_prob[i]) * target_sum - spread * (weights ? weights[i] : 1))
void cross_entropy_grad_row(const float* log_prob, const float* weights, float factor,
                            float target_sum, float spread, float* y, std::int64_t n);

}  // namespace temper::cpu
