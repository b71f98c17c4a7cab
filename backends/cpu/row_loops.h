// Loops over one row of contiguous f32 memory, for normalisations over rows, in AVX-512, AVX2 and
// plain x86-64 form. Sums are in float over a few hundred elements, in two times 16 lanes, and
// beyond in double, in an order that the length alone decides.
#pragma once

#include <cstdint>

namespace temper::cpu {

double row_sum(const float* x, std::int64_t n);
// Of (x - mean)^2
double row_square_sum(const float* x, float mean, std::int64_t n);
// Of a * b
double row_product_sum(const float* a, const float* b, std::int64_t n);

// y = (x - mean) * inverse * scale + bias; null: no scale, no bias. y may be x.
void normalise_row(const float* x, float mean, float inverse, const float* scale, const float* bias,
                   float* y, std::int64_t n);

// With g = dy * scale: the sums of g and of g * (x - mean).
struct RowGradientSums {
  double g = 0, gc = 0;
};
RowGradientSums row_gradient_sums(const float* x, float mean, const float* dy, const float* scale,
                                  std::int64_t n);
// And dscale += dy * (x - mean) * inverse, dbias += dy.
RowGradientSums row_gradient_sums(const float* x, float mean, float inverse, const float* dy,
                                  const float* scale, float* dscale, float* dbias, std::int64_t n);

// dx = g * factor - (x - mean) * slope - constant; dx may be x or dy.
struct RowGradient {
  float mean = 0, factor = 0, slope = 0, constant = 0;
};
void normalise_row_grad(const float* x, const float* dy, const float* scale,
                        const RowGradient& gradient, float* dx, std::int64_t n);

// totals += parts, parts = 0
void flush_to(double* totals, float* parts, std::int64_t n);

// Where the largest or smallest element is: the first or the last of equal ones. NaN beats numbers.
std::int64_t row_extremum(const float* x, std::int64_t n, bool smallest, bool last_wins);

// Rows of a softmax's gradient: dx = y * (dy - sum); of a log-softmax's: dx = dy - exp(y) * sum.
void softmax_row_grad(const float* dy, const float* y, float sum, float* dx, std::int64_t n);
void log_softmax_row_grad(const float* dy, const float* y, float sum, float* dx, std::int64_t n);
// The same with a sum for each element.
void softmax_column_grad(const float* dy, const float* y, const double* sums, float* dx,
                         std::int64_t n);
void log_softmax_column_grad(const float* dy, const float* y, const double* sums, float* dx,
                             std::int64_t n);
// totals += a * b
void add_products_to(double* totals, const float* a, const float* b, std::int64_t n);

}  // namespace temper::cpu
