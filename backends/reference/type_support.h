// The answers that most reference kernels give to supports(): which element types they take.
#pragma once

#include <initializer_list>

#include "runtime/backend/kernel.h"
#include "runtime/base/concat.h"

namespace temper::reference {

// Yes when the inputs named are all f32 or all f64 (those that are present).
inline Support one_float_type(const OpQuery& query, std::initializer_list<std::size_t> inputs) {
  DType first = DType::kUndefined;
  for (const std::size_t i : inputs) {
    if (i >= query.inputs.size() || !query.inputs[i].present()) {
      continue;
    }
    const DType dtype = query.inputs[i].dtype;
    if (dtype != DType::kFloat32 && dtype != DType::kFloat64) {
      return Support::no(concat("input ", i, " is ", dtype, ", only f32 and f64 are supported"));
    }
    if (first == DType::kUndefined) {
      first = dtype;
    }
    if (dtype != first) {
      return Support::no(concat("input ", i, " is ", dtype, ", but another is ", first));
    }
  }
  return Support::yes();
}

// Yes when the first input is f32, f64 or an integer type.
inline Support numeric_type(const OpQuery& query) {
  const DType dtype = query.inputs.front().dtype;
  if (dtype == DType::kFloat32 || dtype == DType::kFloat64 || is_integer(dtype)) {
    return Support::yes();
  }
  return Support::no(concat("input 0 is ", dtype, ", only f32, f64 and integers are supported"));
}

}  // namespace temper::reference
