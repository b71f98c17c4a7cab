// Elementwise ops of integers, f64 and bool with one functor (f32 has programs of them:
// expression.h), and Where of any type.
#pragma once

#include "backends/cuda/device.h"
#include "backends/cuda/device/places.h"
#include "runtime/base/dtype.h"
#include "runtime/base/expression.h"

namespace temper::cuda {

// i32, i64, f64 and, for Equal, bool.
bool computes(Functor functor, DType dtype);

void run_binary(Functor functor, DType dtype, const Places<2>& places, const void* a, const void* b,
                void* y, StreamHandle stream);
void run_unary(Functor functor, DType dtype, const void* x, void* y, std::int64_t count,
               StreamHandle stream);

// y = condition ? a : b of elements of 1, 2, 4 or 8 bytes.
void choose(const Places<3>& places, std::size_t element_bytes, const bool* condition,
            const void* a, const void* b, void* y, StreamHandle stream);

}  // namespace temper::cuda
