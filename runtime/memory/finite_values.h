// Whether floats are all finite, at the speed of memory, or one is NaN.
#pragma once

#include <cstdint>

#include "runtime/base/dtype.h"

namespace temper {

// Of `count` elements at `data`; other types than f32 and f64 always are.
bool all_finite(DType dtype, const void* data, std::int64_t count);
// Of the same types; others never hold one.
bool any_nan(DType dtype, const void* data, std::int64_t count);

}  // namespace temper
