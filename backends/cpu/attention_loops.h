// Rows of attention scores, f32: scaling, shares and their gradients.
#pragma once

#include <cstdint>

namespace temper::cpu {

// s = s * scale + bias (step 0 or 1; null: none); gives the greatest, NaN where there is one. n >
// 0.
float score_row(std::int64_t n, float* s, float scale, const float* bias, std::int64_t bias_step);
// s = exp(s - top); gives their sum.
float share_row(std::int64_t n, float* s, float top);
// y = y * factor
void scale_row(std::int64_t n, float* y, float factor);
float dot_row(std::int64_t n, const float* a, const float* b);
// p: products by now; becomes exp(p * scale + bias - lse), the bias as above. dp: the gradients of
// the shares; becomes factor * p * (dp - through).
void score_gradient_row(std::int64_t n, float* p, float scale, const float* bias,
                        std::int64_t bias_step, float lse, float* dp, float through, float factor);

}  // namespace temper::cpu
