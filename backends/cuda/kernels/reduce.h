// Reductions over any axes.
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/device/places.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

enum class Reduction { kSum, kMean, kProduct, kMax, kMin };

// Types that reduce() takes: floats, i32, i64; bool for the largest and the smallest.
bool reduces(Reduction reduction, DType dtype);

// y[i] = the reduction over j of x[kept.find(i) + reduced.find(j)]; `kept` has no place of its own
// in y, whose elements lie in order.
void reduce(Reduction reduction, DType dtype, const Places<1>& kept, const Places<1>& reduced,
            const void* x, void* y, StreamHandle stream);
// The sum of elements of `from` as an element of `to`, each of them f32, f16 or bf16 and one of
// them f32.
void reduce_sum(DType from, DType to, const Places<1>& kept, const Places<1>& reduced,
                const void* x, void* y, StreamHandle stream);

}  // namespace temper::cuda
