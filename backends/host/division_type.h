// The type in which a quantising op divides.
#pragma once

#include <string>

#include "runtime/base/attrs.h"
#include "runtime/base/dtype.h"

namespace temper {

// That of x / scale: the attribute `precision`, or the wider of both; integers are divided in
// double.
inline DType division_type(const Attrs& attrs, DType x, DType scale) {
  const DType named = dtype_from_name(attrs.get_string("precision", ""));
  if (named != DType::kUndefined) {
    return named;
  }
  if (!is_float(x) || !is_float(scale)) {
    return DType::kFloat64;
  }
  return x == scale                     ? x
         : size_of(x) == size_of(scale) ? DType::kFloat32  // float16 and bfloat16
         : size_of(x) > size_of(scale)  ? x
                                        : scale;
}

}  // namespace temper
