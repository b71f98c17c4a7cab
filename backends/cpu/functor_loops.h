// One functor over contiguous f32 memory, in AVX-512, AVX2 and plain x86-64 form, chosen at run
// time. All forms do the same operations on each element. Truth is 1 and 0.
#pragma once

#include <cstdint>

#include "runtime/base/expression.h"

namespace temper::cpu {

// Elements in step (stride 1), or one number for all (stride 0).
struct Operand {
  const float* data = nullptr;
  std::int64_t stride = 1;
};

// y[i] = f(x[i]); y may be x.
void unary_loop(const FunctorCall& call, const float* x, float* y, std::int64_t n);
// y[i] = f(a[i], b[i]); y may be a or b.
void binary_loop(const FunctorCall& call, const Operand& a, const Operand& b, float* y,
                 std::int64_t n);
// y[i] = f(a[i], b[i], c[i]); y may be any of them.
void ternary_loop(const FunctorCall& call, const Operand& a, const Operand& b, const Operand& c,
                  float* y, std::int64_t n);

// Truth values from bool and to bool.
void load_truth(const bool* x, float* y, std::int64_t n);
void store_truth(const float* x, bool* y, std::int64_t n);

}  // namespace temper::cpu
